"""What the tests run is checked: types by beartype, and the axes of shapes by jaxtyping."""

import importlib
import sys
from types import ModuleType

import pytest
import torch

from checked_types import check_types_of

MODULE = '''
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


def half(number: int) -> int:
    return number / 2 if number % 2 else number // 2


def joined(one: Float[Tensor, "sample"], other: Float[Tensor, "sample"]) -> list[Float[Tensor, "sample"]]:
    return [one, other]


def adder(number: int) -> Callable[[int], int]:
    def add(other: int) -> int:
        return number + other if other else "nothing"

    return add


def texts(number: int) -> Iterator[str]:
    yield from map(str, range(number))


def later(given: Later) -> None:
    """Named before it is there: anything may be given."""


@dataclass
class Later:
    number: int


class Holder:
    @property
    def number(self) -> int:
        return "one"

    @classmethod
    def of(cls, number: int) -> Holder:
        return cls()
'''


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """A module that is imported as those of the package are."""
    folder = tmp_path_factory.mktemp("checked")
    (folder / "made_for_checks.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setattr(sys, "meta_path", [*sys.meta_path])
        check_types_of("made_for_checks")
        return importlib.import_module("made_for_checks")


REFUSED = {
    "an argument": lambda module: module.half("4"),
    "a result": lambda module: module.half(3),
    "an axis that differs": lambda module: module.joined(torch.ones(2), torch.ones(3)),
    "another dtype": lambda module: module.joined(torch.ones(2), torch.ones(2, dtype=torch.int64)),
    "an argument of a function within": lambda module: module.adder(1)("2"),
    "its result": lambda module: module.adder(1)(0),
    "an argument of a generator": lambda module: list(module.texts("3")),
    "a field": lambda module: module.Later("1"),
    "a property": lambda module: module.Holder().number,
    "an argument of a class method": lambda module: module.Holder.of("1"),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_what_does_not_keep_to_its_annotation_is_refused(checked, call):
    for _ in range(2):  # the second time a function within is one that has been checked before
        with pytest.raises(TypeError):
            call(checked)


def test_what_keeps_to_its_annotation_passes(checked):
    assert checked.half(4) == 2
    assert [len(one) for one in checked.joined(torch.ones(2), torch.zeros(2))] == [2, 2]
    assert list(checked.texts(2)) == ["0", "1"]
    assert checked.Later(1).number == 1
    assert checked.later(None) is None


def test_functions_within_keep_what_each_has_caught(checked):
    one, two = checked.adder(1), checked.adder(2)
    assert (one(5), two(5), one(6)) == (6, 7, 7)
    assert one.__wrapped__ is not two.__wrapped__
    assert one.__name__ == "add"
