"""The vocabulary of the update rules, as lines of Python.

A number is a float, or, in a stack whose members differ in it, a tensor with one value a member. `Lines`
knows the forms that give a member the bits that a lone run gets from the float.
"""

from __future__ import annotations

from typing import Any

Number = Any
"""A float, or a float64 tensor `[member]`."""


class Lines:
    """The lines of one step's updates: a small vocabulary of elementwise operations.

    Args:
        per_member: the numbers, by name, that are tensors with one value a member. In the lines the names
            of numbers carry `suffix`.
    """

    def __init__(self, per_member: frozenset[str] = frozenset()) -> None:
        self.lines: list[str] = []
        self.per_member = per_member
        self.suffix = ""

    def copy(self, target: str, tensor: str) -> None:
        """target = tensor, in the memory of target"""
        self.lines.append(f"{target}.copy_({tensor})")

    def negate(self, result: str, tensor: str) -> None:
        """result = -tensor"""
        self.lines.append(f"{result} = -{tensor}")

    def root(self, result: str, tensor: str) -> None:
        """result = sqrt(tensor)"""
        self.lines.append(f"{result} = {tensor}.sqrt()")

    def minus_square(self, result: str, first: str, second: str) -> None:
        """result = first - second * second"""
        self.lines.append(f"{result} = {first}.addcmul({second}, {second}, value=-1)")

    def scale(self, target: str, factor: str) -> None:
        """target *= factor"""
        self.lines.append(f"{target}.mul_({factor}{self.suffix})")

    def divide(self, target: str, divisor: str) -> None:
        """target /= divisor"""
        self.lines.append(f"{target}.div_({divisor}{self.suffix})")

    def shift(self, target: str, number: str) -> None:
        """target += number"""
        self.lines.append(f"{target}.add_({number}{self.suffix})")

    def move_towards(self, target: str, tensor: str, weight: str) -> None:
        """target += weight * (tensor - target)"""
        self.lines.append(f"{target}.lerp_({tensor}, {weight}{self.suffix})")

    def add_scaled(self, target: str, tensor: str, factor: str) -> None:
        """target += factor * tensor"""
        form = "addcmul_({}, {})" if factor in self.per_member else "add_({}, alpha={})"
        self.lines.append(f"{target}.{form.format(tensor, factor + self.suffix)}")

    def sum_scaled(self, result: str, first: str, second: str, factor: str) -> None:
        """result = first + factor * second"""
        form = "addcmul({}, {})" if factor in self.per_member else "add({}, alpha={})"
        self.lines.append(f"{result} = {first}.{form.format(second, factor + self.suffix)}")

    def add_square(self, target: str, tensor: str, factor: str | None = None) -> None:
        """target += factor * tensor * tensor"""
        self.lines.append(f"{target}.addcmul_({self._scaled_pair(tensor, tensor, factor)})")

    def add_quotient(self, target: str, above: str, below: str, factor: str | None = None) -> None:
        """target += factor * above / below"""
        self.lines.append(f"{target}.addcdiv_({self._scaled_pair(above, below, factor)})")

    def _scaled_pair(self, first: str, second: str, factor: str | None) -> str:
        if factor is None:
            return f"{first}, {second}"
        number = f"{factor}{self.suffix}"
        if factor in self.per_member:
            return f"{first} * {number}, {second}"
        return f"{first}, {second}, value={number}"
