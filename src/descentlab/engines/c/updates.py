"""The optimisers' update rules as C: the same table, the same vocabulary, one loop a parameter."""

from __future__ import annotations

from torch import Tensor

from descentlab.engines.c.loops import Places
from descentlab.engines.c.walks import broadcast_strides, merged
from descentlab.engines.lines import Lines


class CLines(Lines):
    """Writes what `Lines` writes as statements on single elements; other names than tensors are locals.

    Args:
        places: where the tensors lie.
        numbers: the C expression of each number of the rule, by its name with suffix.
    """

    def __init__(self, places: Places, numbers: dict[str, str]) -> None:
        super().__init__()
        self.places, self.numbers = places, numbers
        self.tensors: dict[str, Tensor] = {}
        self.known: set[str] = set()

    def begin(self, tensors: dict[str, Tensor]) -> None:
        """Start the loop of a parameter; these names mean these tensors, all of the parameter's shape."""
        self.tensors, self.known = tensors, set(tensors)
        shape = next(iter(tensors.values())).shape
        strides = [broadcast_strides(tensor, shape) for tensor in tensors.values()]
        self.sizes, strides = merged(shape, strides)
        indices = [f"i{k}" for k in range(len(self.sizes))]
        self.elements = {
            name: self.places.element(tensor, stride, indices)
            for (name, tensor), stride in zip(tensors.items(), strides, strict=True)
        }
        self.lines = []

    def loop(self) -> str:
        """The loop with the statements since `begin`."""
        return self.places.loop(self.lines, self.sizes)

    def _at(self, name: str) -> str:
        return self.elements.get(name, name)

    def _number(self, name: str | None) -> str:
        return "1.0f" if name is None else self.numbers[f"{name}{self.suffix}"]

    def _set(self, result: str, expression: str) -> None:
        self._declare(result)
        self.lines.append(f"{self._at(result)} = {expression};")

    def _declare(self, name: str) -> None:
        """Make room for a name that is none of the tensors; one number a time round the loop."""
        if name not in self.known:
            self.known.add(name)
            self.elements[name] = self.places.local(self.lines, name, self.sizes)

    def copy(self, target: str, tensor: str) -> None:
        self._set(target, self._at(tensor))

    def negate(self, result: str, tensor: str) -> None:
        self._set(result, f"-{self._at(tensor)}")

    def root(self, result: str, tensor: str) -> None:
        self._declare(result)
        self.places.root(self.lines, self.sizes, self._at(result), self._at(tensor))

    def minus_square(self, result: str, first: str, second: str) -> None:
        square = self._at(second)
        self._set(result, f"__builtin_fmaf(-{square}, {square}, {self._at(first)})")

    def scale(self, target: str, factor: str) -> None:
        self._set(target, f"{self._at(target)} * {self._number(factor)}")

    def divide(self, target: str, divisor: str) -> None:
        self._set(target, f"{self._at(target)} / {self._number(divisor)}")

    def shift(self, target: str, number: str) -> None:
        self._set(target, f"{self._at(target)} + {self._number(number)}")

    def move_towards(self, target: str, tensor: str, weight: str) -> None:
        old, new, w = self._at(target), self._at(tensor), self._number(weight)
        towards, back = (
            f"__builtin_fmaf({w}, {new} - {old}, {old})",
            f"__builtin_fmaf({w} - 1.0f, {new} - {old}, {new})",
        )
        self._set(target, f"{w} < 0.5f ? {towards} : {back}")

    def add_scaled(self, target: str, tensor: str, factor: str) -> None:
        self.sum_scaled(target, target, tensor, factor)

    def sum_scaled(self, result: str, first: str, second: str, factor: str) -> None:
        self._set(result, f"__builtin_fmaf({self._number(factor)}, {self._at(second)}, {self._at(first)})")

    def add_square(self, target: str, tensor: str, factor: str | None = None) -> None:
        x = self._at(tensor)
        self._set(target, f"__builtin_fmaf({self._number(factor)} * {x}, {x}, {self._at(target)})")

    def add_quotient(self, target: str, above: str, below: str, factor: str | None = None) -> None:
        self._set(target, f"{self._at(target)} + {self._number(factor)} * {self._at(above)} / {self._at(below)}")
