"""Functions of single numbers in C that leave torch's bits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from descentlab.engines.c import functions, routines
from descentlab.engines.c.loops import Places
from descentlab.engines.c.sums import is_plain
from descentlab.engines.c.walks import ROW
from descentlab.engines.record import CannotRecord

aten = torch.ops.aten

ROUTINES: dict[Any, str] = {
    aten.tanh.default: routines.TANH,
    aten.exp.default: routines.EXP,
    aten.sqrt.default: routines.ROOT,
}


class Whole(str):
    """A statement on whole pieces of memory, between the loops over their numbers."""

    __slots__ = ()


class TorchFunctions(Places):
    """Functions of single numbers with torch's bits: the logistic one written out, the others by its routines.

    A routine takes numbers that lie in one piece, and gives each the same result wherever it lies among them.

    Attributes:
        width: numbers that lie side by side where a lone run has one.
    """

    width = 1
    is_exact = True

    def calls_routine(self, function: Any, output: Tensor, args: Sequence[Any]) -> bool:
        (x, *_) = args
        if not (is_plain(x) and is_plain(output)):
            raise CannotRecord(f"torch's bits of {function} are not known")
        if function is aten.sigmoid.default:
            self._logistic(output, x)
            return True
        if function not in ROUTINES:
            raise CannotRecord(f"torch's bits of {function} are not known")
        routine = self.routine(ROUTINES[function], "elementwise_routine")
        row, rows, width = self._pieces(output, x)
        x_at, y_at = (self.start(tensor, [width], [row]) for tensor in (x, output))
        self.add(output, f"call_elementwise({routine}, {width * self.width}, {x_at}, {y_at});", rows)
        return True

    def _logistic(self, output: Tensor, x: Tensor) -> None:
        """What torch's pairs of vectors leave over at the end has the C library's exponential, as there."""
        functions.insist_on_torchs_logistic()
        self.elementwise(output, [x], lambda target, elements: f"{target} = logistic({elements[0]});")
        first = output.numel() // (2 * routines.WIDTH) * (2 * routines.WIDTH)
        row, rows, width = self._pieces(output, x)
        at_x, at_y = (self.element(tensor, [width, 1], [row, "j"]) for tensor in (x, output))
        begin = f"{first} - {row} * {width}"
        body = self.nest([], f"{at_y} = 1.0f / (1.0f + expf(-{at_x}));")
        self.add(output, f"for (long j = {begin} > 0 ? {begin} : 0; j < {width}; j++) {body}", rows)

    def _pieces(self, output: Tensor, x: Tensor) -> tuple[str, int, int]:
        """The index of the rows that are gone through one by one, how many there are, and their length."""
        if len(output.shape) > 0 and len(output) > 1 and self.goes_by_rows(output.shape, [output, x]):
            return ROW, len(output), output.stride(0)
        return "0", 1, output.numel()

    def local(self, lines: list[str], name: str, sizes: Sequence[int]) -> str:
        self._insist_on_one_axis(sizes)
        return self.element(self.scratch(sizes), [1] * len(sizes), ["i0"] * len(sizes))

    def root(self, lines: list[str], sizes: Sequence[int], result: str, number: str) -> None:
        self._insist_on_one_axis(sizes)
        if not number.endswith(f"[{self._index(sizes)}]"):
            raise CannotRecord("the optimiser's state does not begin where its memory does")
        x, y = (name.partition("[")[0] for name in (number, result))
        root = self.routine(routines.ROOT, "elementwise_routine")
        lines.append(Whole(f"call_elementwise({root}, {math.prod(sizes) * self.width}, {x}, {y});"))

    def loop(self, lines: list[str], sizes: Sequence[int]) -> str:
        parts = []
        for is_whole, group in groupby(lines, lambda line: isinstance(line, Whole)):
            part = list(group)
            parts.append(" ".join(part) if is_whole else super().loop(part, sizes))
        return f"{{ {' '.join(parts)} }}"

    def _index(self, sizes: Sequence[int]) -> str:
        return "i0" if sizes else "0"

    def _insist_on_one_axis(self, sizes: Sequence[int]) -> None:
        if len(sizes) > 1:
            raise CannotRecord("a parameter does not lie in one piece of memory")
