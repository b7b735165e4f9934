"""The optimisers' update rules as C: the same table, the same vocabulary, one loop a parameter."""

from __future__ import annotations

from torch import Tensor

from descentlab.engines.native_loops import Places, broadcast_strides, merged
from descentlab.engines.updates import Lines


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
        return self.places.nest(self.sizes, " ".join(self.lines))

    def _at(self, name: str) -> str:
        return self.elements.get(name, name)

    def _number(self, name: str | None) -> str:
        return "1.0f" if name is None else self.numbers[f"{name}{self.suffix}"]

    def _set(self, result: str, expression: str) -> None:
        kind = "" if result in self.known else "float "
        self.known.add(result)
        self.lines.append(f"{kind}{self._at(result)} = {expression};")

    def copy(self, target: str, tensor: str) -> None:
        self._set(target, self._at(tensor))

    def negate(self, result: str, tensor: str) -> None:
        self._set(result, f"-{self._at(tensor)}")

    def root(self, result: str, tensor: str) -> None:
        self._set(result, f"sqrtf({self._at(tensor)})")

    def minus_square(self, result: str, first: str, second: str) -> None:
        self._set(result, f"{self._at(first)} - {self._at(second)} * {self._at(second)}")

    def scale(self, target: str, factor: str) -> None:
        self._set(target, f"{self._at(target)} * {self._number(factor)}")

    def divide(self, target: str, divisor: str) -> None:
        self._set(target, f"{self._at(target)} / {self._number(divisor)}")

    def shift(self, target: str, number: str) -> None:
        self._set(target, f"{self._at(target)} + {self._number(number)}")

    def move_towards(self, target: str, tensor: str, weight: str) -> None:
        old, new, w = self._at(target), self._at(tensor), self._number(weight)
        self._set(target, f"{w} < 0.5f ? {old} + {w} * ({new} - {old}) : {new} - ({new} - {old}) * (1.0f - {w})")

    def add_scaled(self, target: str, tensor: str, factor: str) -> None:
        self._set(target, f"{self._at(target)} + {self._number(factor)} * {self._at(tensor)}")

    def sum_scaled(self, result: str, first: str, second: str, factor: str) -> None:
        self._set(result, f"{self._at(first)} + {self._number(factor)} * {self._at(second)}")

    def add_square(self, target: str, tensor: str, factor: str | None = None) -> None:
        x = self._at(tensor)
        self._set(target, f"{self._at(target)} + {self._number(factor)} * {x} * {x}")

    def add_quotient(self, target: str, above: str, below: str, factor: str | None = None) -> None:
        self._set(target, f"{self._at(target)} + {self._number(factor)} * {self._at(above)} / {self._at(below)}")
