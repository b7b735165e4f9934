"""What a search or a sweep may vary: real numbers, integers, choices."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reals:
    """The numbers from `low` to `high`, both included; every `step` of them, if given. `log`: by orders of
    magnitude."""

    low: float
    high: float
    step: float | None = None
    log: bool = False

    def text(self, value: Any) -> str:
        """The value as it stands in an override."""
        return repr(float(value))

    def ends(self) -> list[Any]:
        """Values between which all others lie."""
        return [self.low, self.high]

    def points(self, count: int) -> list[float]:
        """`count` values at equal distances, or at equal ratios for `log`, to 12 digits."""
        if count == 1:
            return [self.low]
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        inner = [low + (high - low) * k / (count - 1) for k in range(1, count - 1)]
        return [self.low, *(float(f"{10**value if self.log else value:.12g}") for value in inner), self.high]


@dataclass(frozen=True)
class Integers:
    """The integers `low`, `low + step`, … up to `high`; `log`: by orders of magnitude."""

    low: int
    high: int
    step: int = 1
    log: bool = False

    def text(self, value: Any) -> str:
        """The value as it stands in an override."""
        return str(int(value))

    def ends(self) -> list[Any]:
        """Values between which all others lie."""
        return [self.low, self.high]


@dataclass(frozen=True)
class Choices:
    """Values without an order, and how each stands in an override."""

    values: tuple[str | int | float | bool | None, ...]
    texts: tuple[str, ...]

    def text(self, value: Any) -> str:
        """The value as it stands in an override."""
        return self.texts[self.values.index(value)]

    def ends(self) -> list[Any]:
        """All of them."""
        return list(self.values)


Dimension = Reals | Integers | Choices
