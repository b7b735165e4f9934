"""`key=value` arguments are read as YAML and held to a schema."""

from typing import Literal

import pytest

from descentlab.errors import InputError
from descentlab.settings.command_line import read_arguments

SCHEMA = {"run": str, "x": float | list[float], "checkpoint": Literal["last", "best"]}


@pytest.mark.parametrize(
    ("text", "value"), [("0.5", 0.5), ("-3", -3), ("1e-3", 1e-3), ("[0.1,0.5]", [0.1, 0.5])], ids=str
)
def test_a_value_is_read_as_yaml(text, value):
    assert read_arguments([f"x={text}"], SCHEMA) == {"x": value}


@pytest.mark.parametrize("text", ["a=b", "1", "[x]", "${y}", "with space", "/a/b.c"])
def test_a_text_is_taken_as_it_stands(text):
    assert read_arguments([f"run={text}"], SCHEMA) == {"run": text}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x=0.5"], "run: expected a value, got none; type run=…"),
        (["run="], "run: expected a value, got none; type run=…"),
        (["run=a", "y=1"], "y: there is no such argument; Valid: checkpoint, run, x."),
        (["run=a", "chekpoint=best"], "chekpoint: there is no such argument; did you mean checkpoint?"),
        (["run=a", "best"], "best: expected key=value; "),
        (["run=a", "x=many"], "x: expected a valid number, got 'many'."),
        (["run=a", "x=[1"], "x=[1: expected a value, but '[1' cannot be read."),
        (["run=a", "checkpoint=first"], "checkpoint: expected 'last' or 'best', got 'first'."),
        (["run=a", "x=.nan"], "x: expected a finite number, got nan."),
    ],
    ids=["missing", "empty", "unknown", "near", "no equals sign", "word", "unreadable", "no choice", "not finite"],
)
def test_an_argument_that_cannot_be_used_is_refused(arguments, message):
    with pytest.raises(InputError) as refusal:
        read_arguments(arguments, SCHEMA, required=["run"])
    assert str(refusal.value).startswith(message)
