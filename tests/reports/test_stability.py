"""The stability of a run for the terminal."""

import math

import pytest

from descentlab.functional.stability import Curvature
from descentlab.reports.stability import divergence_hint, stability_table
from descentlab.runs.stability import Stability

EXACT = Curvature(largest=4.0, num_products=0, converged=True)
FOUND = Curvature(largest=4.0, num_products=6, converged=True)
PLAIN = {"momentum": 0.0, "dampening": 0.0, "nesterov": False, "weight_decay": 0.0}


def found(limit: float | None = 0.5, lr: float = 0.1, curvature: Curvature = EXACT, **given) -> Stability:
    settings = None if limit is None else PLAIN | given
    everywhere = curvature.num_products == 0
    return Stability(curvature, everywhere, "SGD" if settings else "Adam", lr, settings, limit)


CASES = {
    "quadratic": (found(), ["exact, the same at all parameters", "2 / lambda_max", "below the limit: 20.0% of it"]),
    "net": (found(curvature=FOUND), ["at the start; 6 Hessian-vector products", "changes with the parameters"]),
    "above": (found(lr=0.6), ["above the limit: steps grow"]),
    "adam": (found(None), ["none", "applies to gradient descent, not to Adam"]),
    "momentum": (found(momentum=0.9), ["2 (1 + momentum) / lambda_max"]),
    "nesterov": (found(momentum=0.9, nesterov=True), ["2 (1 + momentum) / (1 + 2 momentum) / lambda_max"]),
    "dampened": (
        found(momentum=0.9, dampening=0.1, weight_decay=1.0),
        ["2 (1 + momentum) / (1 - dampening) / (lambda_max + weight_decay)"],
    ),
    "momentum 1": (found(0.0, momentum=1.0), ["momentum 1 converges at no learning rate"]),
    "flat": (found(math.inf), ["inf", "nothing curves upward"]),
    "overflow": (found(math.nan, curvature=Curvature(math.nan, 0, False)), ["the Hessian is not finite here"]),
    "few products": (found(curvature=Curvature(4.0, 200, False)), ["After 200 products", "at least this"]),
}


@pytest.mark.parametrize(("stability", "words"), CASES.values(), ids=CASES)
def test_the_table_says_what_holds_in_eighty_columns(stability, words):
    table = stability_table(stability, "at the start")
    assert all(word in table for word in words)
    assert max(map(len, table.splitlines())) <= 80
    names = [line.split()[0] for line in table.splitlines() if not line.startswith(" ")]
    assert names[:3] == ["lambda_max", "limit", "optimizer.lr"]


@pytest.mark.parametrize(
    ("stability", "hint"),
    [
        (found(lr=0.6), "optimizer.lr=0.25; the stability limit is 0.5, got 0.6"),
        (found(lr=0.6, curvature=FOUND), "optimizer.lr=0.25; the stability limit at the start is 0.5, got 0.6"),
        (found(curvature=FOUND), "optimizer.lr=0.01; 0.1 is below the stability limit at the start, 0.5"),
        (found(None), "a smaller learning rate than optimizer.lr=0.1"),
        (found(math.nan), "a smaller learning rate than optimizer.lr=0.1"),
        (found(0.0, momentum=1.0), "optimizer.momentum below 1, which converges at no learning rate"),
    ],
    ids=["above", "above at the start", "below", "no limit", "unknown limit", "momentum 1"],
)
def test_the_hint_names_a_rate_to_try(stability, hint):
    assert divergence_hint(stability) == hint
