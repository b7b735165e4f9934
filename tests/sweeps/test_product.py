"""Every combination of what is swept."""

import numpy as np
import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

from descentlab.errors import InputError
from descentlab.sweeps.product import jobs_of

PARSER = OverridesParser.create()


def jobs(*typed: str, zipped: list[list[str]] | None = None, points: int | None = None) -> list[list[str]]:
    return jobs_of(PARSER.parse_overrides(list(typed)), zipped or [], points)


@pytest.mark.parametrize(
    "typed",
    [
        ["a=1,2", "b=range(0,3)", "c=x"],
        ["a=range(3,0,-1)", "b=sort(3,1,2)", "+c=[1,2],{k:v}"],
        ["a=range(0,1,0.1)", "b='x y',\"q\"", "a=1,2"],
        ["a=1", "b=2"],
    ],
    ids=" ".join,
)
def test_a_product_is_that_of_hydras_own_sweeper(typed: list[str]) -> None:
    (expected,) = BasicSweeper.split_arguments(PARSER.parse_overrides(typed), None)
    assert jobs(*typed) == expected


def test_a_removed_callback_stays_removed() -> None:
    assert jobs("~callbacks.progress", "a=1,2") == [["~callbacks.progress", "a=1"], ["~callbacks.progress", "a=2"]]


def test_zipped_values_run_side_by_side_in_a_product_with_the_rest() -> None:
    assert jobs("lr=0.1,0.2", "seed=range(0,2)", "steps=10,20", zipped=[["lr", "steps"]]) == [
        ["lr=0.1", "seed=0", "steps=10"],
        ["lr=0.1", "seed=1", "steps=10"],
        ["lr=0.2", "seed=0", "steps=20"],
        ["lr=0.2", "seed=1", "steps=20"],
    ]


def test_two_groups_are_a_product_of_two() -> None:
    both = jobs("a=1,2", "b=3,4", "c=5,6", "d=7,8", zipped=[["a", "b"], ["c", "d"]])
    assert [" ".join(job) for job in both] == [
        "a=1 b=3 c=5 d=7",
        "a=1 b=3 c=6 d=8",
        "a=2 b=4 c=5 d=7",
        "a=2 b=4 c=6 d=8",
    ]


@pytest.mark.parametrize(
    ("zipped", "message"),
    [
        ([["a", "b"]], "expected as many values of each key, got 2 of a, 3 of b"),
        ([["a", "d"]], r"d is not swept; Valid: a, b\."),
        ([["a", "bb"]], "bb is not swept; did you mean b?"),
        ([["a"], ["a"]], "expected a once, got it twice"),
        ([["a", "a"]], "expected a once, got it twice"),
    ],
    ids=str,
)
def test_keys_that_cannot_be_zipped_are_named(zipped: list[list[str]], message: str) -> None:
    with pytest.raises(InputError, match=rf"hydra\.sweeper\.zip: {message}"):
        jobs("a=1,2", "b=1,2,3", "d=1", zipped=zipped)


@pytest.mark.parametrize(
    ("interval", "values"),
    [
        ("interval(0,1)", np.linspace(0, 1, 7)),
        ("interval(-2.5,1e3)", np.linspace(-2.5, 1e3, 7)),
        ("tag(log,interval(1e-4,1))", np.geomspace(1e-4, 1, 7)),
        ("tag(log,interval(0.3,0.7))", np.geomspace(0.3, 0.7, 7)),
    ],
)
def test_an_interval_is_swept_at_points_that_numpy_would_choose(interval: str, values: np.ndarray) -> None:
    typed = [float(job[0].removeprefix("lr=")) for job in jobs(f"lr={interval}", points=7)]
    assert typed == pytest.approx(values, rel=1e-11)  # they have 12 digits
    assert (typed[0], typed[-1]) == (values[0], values[-1])


def test_points_have_no_tail_of_digits() -> None:
    assert jobs("lr=tag(log,interval(1e-4,1))", points=5) == [
        ["lr=0.0001"],
        ["lr=0.001"],
        ["lr=0.01"],
        ["lr=0.1"],
        ["lr=1.0"],
    ]
    assert jobs("lr=interval(0,1)", points=1) == [["lr=0.0"]]


@pytest.mark.parametrize(
    ("typed", "points", "message"),
    [
        ("lr=interval(0,1)", None, r"lr: expected values, got interval\(0,1\); type hydra\.sweeper\.points="),
        ("lr=int(interval(0,9))", 3, r"lr: expected range\(…\) for integers"),
        ("seed=range(0,1,0)", None, r"seed: expected a step other than 0, got range\(0,1,0\)"),
        ("lr=range(0,1,0.0)", None, r"lr: expected a step other than 0"),
        ("lr=range(3,3)", None, r"lr: expected at least one value, got range\(3,3\)"),
    ],
)
def test_what_has_no_values_is_named(typed: str, points: int | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        jobs(typed, points=points)
