"""Wide matrix products by the routine of the library below torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from torch import Tensor

from descentlab.engines.c.routines import PRODUCT
from descentlab.engines.record import CannotRecord

MOST_WRITTEN_OUT = 4
"""Terms of a product that are written one by one."""

LEAST_MULTIPLICATIONS = 8192
"""Of a product of two wide matrices, from which the library is faster than a loop."""


@runtime_checkable
class Written(Protocol):
    """What a product is written to: see `Places` in loops.py."""

    def routine(self, name: str, kind: str) -> str: ...
    def start(self, tensor: Tensor) -> str: ...
    def add(self, output: Tensor, body: str) -> None: ...
    def elementwise(
        self, output: Tensor, tensors: list[Tensor], statement: Callable[[str, list[str]], str]
    ) -> None: ...


def is_for_library(x: Tensor, y: Tensor) -> bool:
    """True if the library multiplies these matrices faster than a loop."""
    (rows, inner), columns = x.shape, y.shape[1]
    return min(rows, inner, columns) > MOST_WRITTEN_OUT and rows * inner * columns >= LEAST_MULTIPLICATIONS


def call_product(places: Written, output: Tensor, x: Tensor, y: Tensor, bias: Tensor | None) -> None:
    """output = x @ y + bias by the library's routine, asked as ATen's addmm asks it (read with torch 2.13).

    Raises:
        CannotRecord: if torch has no such routine, or a matrix does not lie in one piece.
    """
    routine = places.routine(PRODUCT, "product_routine")
    if bias is not None:
        added = bias.expand(output.shape)
        places.elementwise(output, [added], lambda target, elements: f"{target} = {elements[0]};")
    rows, columns = output.shape
    if output.stride(0) == 1 and (columns == 1 or output.stride(1) >= max(1, rows)):
        c, a, b = output, x, y
    elif output.stride(1) == 1 and (rows == 1 or output.stride(0) >= max(1, columns)):
        c, a, b = output.t(), y.t(), x.t()
    else:
        raise CannotRecord("a product does not lie in one piece")
    (m, n), k = c.shape, a.shape[1]
    a_form, a_step = _form(a)
    b_form, b_step = _form(b)
    a_at, b_at, c_at = map(places.start, (a, b, c))
    c_step = m if n == 1 else c.stride(1)
    if n == 1:
        b_step = b_step if b_form == "T" else k
    places.add(
        output,
        f"call_product({routine}, '{a_form}', '{b_form}', {m}, {n}, {k}, {a_at}, {a_step}, {b_at}, {b_step}, "
        f"{'0.0f' if bias is None else '1.0f'}, {c_at}, {c_step});",
    )


def _form(matrix: Tensor) -> tuple[str, int]:
    """How the library is told that a matrix lies: by columns (N) or rows (T), and their distance."""
    rows, columns = matrix.shape
    if matrix.stride(0) == 1 and matrix.stride(1) >= max(1, rows):
        return "N", matrix.stride(1)
    if matrix.stride(1) == 1 and matrix.stride(0) >= max(1, columns):
        return "T", matrix.stride(0)
    raise CannotRecord("a factor does not lie in one piece")
