"""What is swept, read from Hydra's overrides."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from descentlab.errors import InputError
from descentlab.sweeps.dimensions import Choices, Dimension, Integers, Reals
from descentlab.sweeps.space import corners, dimension_of, overrides_at, space_of

PARSER = OverridesParser.create()

READ: dict[str, Dimension] = {
    "interval(1e-4,1)": Reals(1e-4, 1.0),
    "tag(log,interval(1e-4,1))": Reals(1e-4, 1.0, log=True),
    "interval(1,20)": Reals(1.0, 20.0),
    "int(interval(1,20))": Integers(1, 20),
    "range(1,20)": Integers(1, 19),
    "range(1,20,4)": Integers(1, 17, step=4),
    "range(19,0,-4)": Integers(3, 19, step=4),
    "range(3)": Integers(0, 2),
    "tag(log,range(1,20))": Integers(1, 19, log=True),
    "range(0,1,0.25)": Reals(0.0, 0.75, step=0.25),
    "0.1,2,true,null": Choices((0.1, 2, True, "null"), ("0.1", "2", "True", "null")),
    "choice(a,b)": Choices(("a", "b"), ("a", "b")),
    "'a b',c": Choices(("'a b'", "c"), ("'a b'", "c")),
    "[1,2],[3,4]": Choices(("[1,2]", "[3,4]"), ("[1,2]", "[3,4]")),
}

REFUSED = {
    "interval(1,0.1)": "x: expected the lower end first, got 1.0 to 0.1.",
    "range(3,3)": r"x: expected a range of at least one number, got range\(3,3\)\.",
    "tag(log,interval(0,1))": "x: expected a positive lower end",
    "tag(log,range(1,9,2))": "x: expected no step with tag",
    "tag(lgo,interval(1,2))": "x: lgo: there is no such tag; Valid: log.",
    "tag(log,choice(a,b))": "x: the tag log is for numbers",
    "a,b,a": "x: expected every choice once, got a,b,a.",
}


@pytest.mark.parametrize(("text", "dimension"), READ.items(), ids=READ)
def test_what_is_swept_is_read_from_hydras_syntax(text: str, dimension: Dimension) -> None:
    assert dimension_of(PARSER.parse_override(f"x={text}")) == dimension


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_swept_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        dimension_of(PARSER.parse_override(f"x={text}"))


def test_a_job_has_the_point_and_what_stays_in_the_order_typed() -> None:
    typed = ["model=linear", "lr=interval(1e-5,1)", "~callbacks.progress", "model.width=range(1,9)", "act=[1,2],'a b'"]
    space = space_of(PARSER.parse_overrides(typed))
    assert overrides_at(space, {"lr": 1e-5, "model.width": 3, "act": "[1,2]"}) == [
        "model=linear",
        "lr=1e-05",
        "~callbacks.progress",
        "model.width=3",
        "act=[1,2]",
    ]


def test_the_last_word_on_a_key_counts_in_the_place_of_the_first() -> None:
    space = space_of(PARSER.parse_overrides(["lr=interval(0.1,1)", "seed=3", "lr=0.5"]))
    assert overrides_at(space, {}) == ["lr=0.5", "seed=3"]


def test_corners_have_each_end_once() -> None:
    space = space_of(PARSER.parse_overrides(["model=a,b,c", "lr=interval(1,2)", "seed=7"]))
    assert corners(space) == [
        {"model": "a", "lr": 1.0},
        {"model": "b", "lr": 1.0},
        {"model": "c", "lr": 1.0},
        {"model": "a", "lr": 2.0},
    ]
