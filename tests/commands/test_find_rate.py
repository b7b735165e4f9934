"""find_rate.py: the losses at many learning rates against a closed form, and lone runs."""

import math
import re
from pathlib import Path

import pytest

QUADRATIC = ("model=linear", "data=identity", "model.bias=false", "model.initial_coefficients=[0.0]")
LAMBDA = 2 * (1 + 4 + 9) / 3
"""The curvature of the MSE of y = W x at x = 1, 2, 3."""


def rows(text: str) -> dict[str, str]:
    return {line.split()[0]: line.split()[1] for line in text.splitlines()}


def test_on_a_quadratic_each_rate_ends_at_the_loss_of_the_closed_form(typed, tmp_path):
    answer = typed("find_rate", *QUADRATIC, "trainer.max_steps=5")
    assert (answer.code, answer.err, list(tmp_path.iterdir())) == (0, "", [])
    found = rows(answer.out)
    assert len(found) == 40
    for exponent in range(-30, 7):
        rate = 10 ** (exponent / 6)
        expected = 14 / 3 * (1 - rate * LAMBDA) ** (2 * 5)
        assert float(found[f"{rate:.3g}"]) == pytest.approx(expected, rel=1e-3), rate
        assert (float(found[f"{rate:.3g}"]) > 14 / 3) == (rate > 2 / LAMBDA)
    assert float(found["limit"]) == pytest.approx(2 / LAMBDA, rel=1e-5)
    assert found["try"] == "optimizer.lr=0.1"  # the nearest to 1 / LAMBDA, 0.107


def test_a_net_ends_at_each_rate_where_its_lone_run_does(typed, trained):
    words = ("model=relu_net", "trainer.max_steps=50", "optimizer.lr=10")
    answer = typed("find_rate", *words)
    found = rows(answer.out)
    for rate in ("0.1", "1"):
        run = trained("model=relu_net", "trainer.max_steps=50", f"optimizer.lr={rate}")
        assert float(found[rate]) == pytest.approx(run.result["metrics"]["train/loss"], rel=1e-5)
    assert found["10"] == "diverged"
    assert answer.out.splitlines()[-2].endswith("at the start")
    losses = {name: float(f"{float(loss):.4g}") for name, loss in list(found.items())[1:38] if loss != "diverged"}
    best = min(losses, key=lambda name: (losses[name], float(name)))
    assert sum(loss == losses[best] for loss in losses.values()) > 1
    assert found["try"] == f"optimizer.lr={float(best):.2g}"


WIDE = ("model=wide_net", "model.hidden_width=20", "trainer.max_steps=100")
ONE_STEP = ("model=linear", "data=table", "data.x=[[1,0],[0,2]]", "data.y=[100,0.1]", "trainer.max_steps=1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (WIDE, "above the limit, which holds at the start alone: this rate leaps away from there and ends lowest"),
        (
            (*ONE_STEP, "model.initial_coefficients=[0.0,0.0]", "model.bias=false"),
            "above the limit: with more steps this rate diverges",
        ),
        ((*QUADRATIC, "trainer.max_steps=5"), ""),
    ],
    ids=["a net", "a quadratic loss and too few steps", "below"],
)
def test_a_rate_above_the_limit_is_recommended_with_a_word_why(typed, words, said):
    answer = typed("find_rate", *words)
    limit, best = (line.split() for line in answer.out.splitlines()[-2:])
    assert (float(best[1].removeprefix("optimizer.lr=")) >= float(limit[1])) == bool(said)
    assert " ".join(best[2:]) == said


def test_the_tutorial_says_what_the_command_prints(typed):
    tutorial = (Path(__file__).resolve().parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"find_rate.py experiment=one_weight_overshoot +# (.*)", tutorial)
    found = rows(typed("find_rate", "experiment=one_weight_overshoot").out)
    assert told == f"{found['try']} ends lowest, from {float(found['limit']):.4f} on it diverges"


def test_rates_that_all_end_above_the_start_are_not_recommended(typed):
    start = "model.initial_coefficients=[1.0]"  # the optimum
    answer = typed("find_rate", *QUADRATIC[:-1], start, "trainer.max_steps=2")
    assert answer.out.splitlines()[-1].strip() == "try  none of these rates ends below the start"


def test_a_run_that_cannot_be_stacked_is_refused_with_what_to_type_instead(typed):
    answer = typed("find_rate", "model=linear", "optimizer=lbfgs")
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert answer.err.startswith(
        "error: expected a run that can be a member of a stack, got one that cannot (LBFGS has"
    )
    assert "-m … optimizer.lr=0.001,0.01,0.1" in answer.err


def test_a_slip_of_the_pen_is_answered(typed):
    assert typed("find_rate", "optimizer.lrr=1").err.startswith("error: optimizer.lrr: there is no such key")


def test_the_scale_of_the_bars_is_that_of_the_logarithm(typed):
    lines = typed("find_rate", *QUADRATIC, "trainer.max_steps=5").out.splitlines()[1:38]
    lengths = {line.split()[0]: line.count("#") for line in lines}
    lowest = (1 - 0.1 * LAMBDA) ** 10
    assert lengths["1e-05"] == 40
    assert lengths["0.1"] == 0
    assert lengths["0.0464"] == round(40 * (1 - 10 * math.log(1 - 10 ** (-8 / 6) * LAMBDA) / math.log(lowest)))
