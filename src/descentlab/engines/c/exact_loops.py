"""Loops in C that leave torch's bits: its orders of adding, its own routines."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from descentlab.engines.c import routines
from descentlab.engines.c.loops import Places, literal, own_strides
from descentlab.engines.c.products import Order, order_of_product
from descentlab.engines.c.sums import VECTOR, Sums, is_plain, sums_of, sums_source
from descentlab.engines.record import CannotRecord

aten = torch.ops.aten

MOST_WRITTEN_OUT = 4
"""Terms of a product that are written one by one."""

MOST_TOTALS = 32
"""Sums of a product that run side by side in the processor's registers."""

PIECE = f"""
static inline float piece(const float *p, long n) {{
    float total = 0.0f;
    for (long i = n / {VECTOR} * {VECTOR}; i < n; i++) total += p[i];
    vector lanes = row_vector(p, {VECTOR}, n / {VECTOR});
    for (long l = 0; l < {VECTOR}; l++) total += lanes[l];
    return total;
}}
"""


class Whole(str):
    """A statement on whole pieces of memory, between the loops over their numbers."""

    __slots__ = ()


class TorchRoots(Places):
    """Square roots by torch's routine, which takes whole pieces of memory.

    Attributes:
        width: numbers that lie side by side where a lone run has one.
    """

    width = 1
    is_exact = True

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


class ExactPlaces(TorchRoots):
    """Statements with the bits of torch's kernels for one run.

    Where torch's order of adding is not one that is known here, torch's library is called, or the operation
    is refused.
    """

    helpers = (
        routines.SOURCE
        + f"typedef float vector __attribute__((vector_size({4 * VECTOR}), aligned(4)));"
        + sums_source("one", "float", "0.0f")
        + sums_source("vector", "vector", "(vector){0}")
        + PIECE
    )

    def calls_routine(self, function: Any, output: Tensor, args: Sequence[Any]) -> bool:
        (x, *_) = args
        if function not in ROUTINES or not (is_plain(x) and is_plain(output)):
            raise CannotRecord(f"torch's bits of {function} are not known")
        name, kind, caller = ROUTINES[function]
        routine = self.routine(name, kind)
        self.statements.append(f"{caller}({routine}, {output.numel()}, {self.pointer(x)}, {self.pointer(output)});")
        return True

    def reduction(
        self,
        output: Tensor,
        tensors: list[Tensor],
        shape: Sequence[int],
        axes: Sequence[int],
        term: Callable[[list[str]], str],
        divisor: int = 1,
    ) -> None:
        terms = terms_of(self, tensors, shape, term)
        sums = sums_of(terms.shape, terms.stride(), axes)
        if not is_plain(output) or output.numel() != sums.columns:
            raise CannotRecord("a sum does not lie in one piece")
        start = f"&{self.element(terms, [], [])}"
        self.statements += self.sums(sums, start, self.pointer(output))
        if divisor != 1:
            over = f"for (long j = 0; j < {sums.columns}; j++)"
            self.statements.append(
                f"{over} {self.pointer(output)}[j] = {self.pointer(output)}[j] / {literal(divisor)};"
            )

    def sums(self, sums: Sums, start: str, output: str) -> list[str]:
        """The statements that write the sums of what begins at `start` to `output`."""
        if sums.is_piece:
            over = f"for (long j = 0; j < {sums.columns}; j++)"
            return [f"{over} {output}[j] = piece({start} + j * {sums.width}, {sums.count});"]
        statements = []
        size = VECTOR
        for kind, columns in sums.kinds():
            whole = len(columns) // size * size if sums.columns >= size and sums.width == 1 else 0
            middle = columns.start + whole
            statements.append(
                f"for (long j = {columns.start}; j < {middle}; j += {size}) "
                f"*(vector *)({output} + j) = {kind}_vector({start} + j, {sums.distance}, {sums.count});"
            )
            statements.append(
                f"for (long j = {middle}; j < {columns.stop}; j++) "
                f"{output}[j] = {kind}_one({start} + j * {sums.width}, {sums.distance}, {sums.count});"
            )
        return statements

    def product(self, output: Tensor, x: Tensor, y: Tensor, bias: Tensor | None = None) -> None:
        order = order_of_product(x, y, bias)
        if order is None:
            self._call_product(output, x, y, bias)
        else:
            self._write_product(order, output, x, y, bias)

    def _write_product(self, order: Order, output: Tensor, x: Tensor, y: Tensor, bias: Tensor | None) -> None:
        (rows, inner), columns = x.shape, y.shape[1]
        added = None if bias is None else bias.expand(rows, columns)
        at_bias = "" if added is None else self.element(added, own_strides(added), ["i", "j"])
        at_out = self.element(output, own_strides(output), ["i", "j"])

        def factors(k: str) -> tuple[str, str]:
            return self.element(x, own_strides(x), ["i", k]), self.element(y, own_strides(y), [k, "j"])

        end = f" + {at_bias}" if order.adds_bias_last(bias is not None) else ""
        over = {"i": f"for (long i = 0; i < {rows}; i++) ", "j": f"for (long j = 0; j < {columns}; j++) "}
        inside, outside = ("i", "j") if rows > columns else ("j", "i")
        if inner <= MOST_WRITTEN_OUT or order.tree is not None:
            total = order.total(at_bias, [factors(str(k)) for k in range(inner)])
            self.statements.append(f"{over[outside]}{over[inside]}{at_out} = {total}{end};")
            return
        start = order.begin(at_bias, *factors("0"))
        over_k = f"for (long k = {order.terms_begun}; k < {inner}; k++) "
        if rows * columns <= MOST_TOTALS:
            at = f"total[i * {columns} + j]"
            self.statements.append(
                f"{{ float total[{rows * columns}]; {over['i']}{over['j']}{at} = {start}; "
                f"{over_k}{over['i']}{over['j']}{at} = {order.plus(at, *factors('k'))}; "
                f"{over['i']}{over['j']}{at_out} = {at}{end}; }}"
            )
        else:
            last = f"{over[inside]}{at_out} = {at_out}{end};" if end else ""
            self.statements.append(
                f"{over[outside]}{{ {over[inside]}{at_out} = {start}; "
                f"{over_k}{over[inside]}{at_out} = {order.plus(at_out, *factors('k'))}; {last} }}"
            )

    def _call_product(self, output: Tensor, x: Tensor, y: Tensor, bias: Tensor | None) -> None:
        """By the library's routine, asked as ATen's addmm asks it (read with torch 2.13)."""
        if bias is not None:
            added = bias.expand(output.shape)
            self.elementwise(output, [added], lambda target, elements: f"{target} = {elements[0]};")
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
        routine = self.routine(routines.PRODUCT, "product_routine")
        a_at, b_at, c_at = (f"&{self.element(matrix, [], [])}" for matrix in (a, b, c))
        c_step = m if n == 1 else c.stride(1)
        if n == 1:
            b_step = b_step if b_form == "T" else k
        self.statements.append(
            f"call_product({routine}, '{a_form}', '{b_form}', {m}, {n}, {k}, {a_at}, {a_step}, {b_at}, {b_step}, "
            f"{'0.0f' if bias is None else '1.0f'}, {c_at}, {c_step});"
        )


def terms_of(places: Places, tensors: list[Tensor], shape: Sequence[int], term: Callable[[list[str]], str]) -> Tensor:
    """The tensor whose numbers a reduction adds: the one given, or one that the places fill with the terms."""
    if len(tensors) == 1 and term(["x"]) == "x":
        return tensors[0]
    if not all(tensor.shape == torch.Size(shape) and tensor.is_contiguous() for tensor in tensors):
        raise CannotRecord("a loss is taken of numbers that do not lie in one piece")
    terms = places.scratch(shape)
    places.elementwise(terms, tensors, lambda target, elements: f"{target} = {term(elements)};")
    return terms


def _form(matrix: Tensor) -> tuple[str, int]:
    """How the library is told that a matrix lies: by columns (N) or rows (T), and their distance."""
    rows, columns = matrix.shape
    if matrix.stride(0) == 1 and matrix.stride(1) >= max(1, rows):
        return "N", matrix.stride(1)
    if matrix.stride(1) == 1 and matrix.stride(0) >= max(1, columns):
        return "T", matrix.stride(0)
    raise CannotRecord("a factor does not lie in one piece")


ROUTINES: dict[Any, tuple[str, str, str]] = {
    aten.sigmoid.default: (routines.VECTOR_EXP, "vector_routine", "sigmoid"),
    aten.tanh.default: (routines.TANH, "elementwise_routine", "call_elementwise"),
    aten.exp.default: (routines.EXP, "elementwise_routine", "call_elementwise"),
    aten.sqrt.default: (routines.ROOT, "elementwise_routine", "call_elementwise"),
}
