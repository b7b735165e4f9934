"""Loops in C that leave torch's bits: its orders of adding, its own routines."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from descentlab.engines.c import functions, routines
from descentlab.engines.c.loops import (
    LANES,
    MOST_WRITTEN_OUT,
    Places,
    broadcast_strides,
    literal,
    over,
    own_strides,
)
from descentlab.engines.c.products import Order, order_of_product
from descentlab.engines.c.row_loops import ROW
from descentlab.engines.c.sums import ROWS_SOURCE, VECTOR, Sums, is_plain, sums_of, sums_source
from descentlab.engines.record import CannotRecord

aten = torch.ops.aten

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
        + functions.SOURCE
        + f"typedef float vector __attribute__((vector_size({4 * VECTOR}), aligned(4)));"
        + sums_source("one", "float", "0.0f")
        + sums_source("vector", "vector", "(vector){0}")
        + ROWS_SOURCE
        + PIECE
    )

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
        x_at, y_at = self.whole(x), self.whole(output)
        self.add(output, f"call_elementwise({routine}, {output.numel()}, {x_at}, {y_at});")
        return True

    def whole(self, tensor: Tensor) -> str:
        """Where a tensor begins, for a statement that touches all of it."""
        return f"&{self.element(tensor, [], [])}"

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
        if list(axes) == [0] and sums.columns >= VECTOR and self.goes_by_rows(terms.shape, [terms]):
            self._sum_rows(sums, output, terms)
        else:
            self.add(output, " ".join(self._sums(sums, self.whole(terms), self.whole(output))))
        if divisor != 1:
            j = "j" if sums.columns > 1 else "0"
            at = self.element(output, [1], [j])
            self.add(output, f"{over(j, sums.columns)}{at} = {at} / {literal(divisor)};")

    def _sum_rows(self, sums: Sums, output: Tensor, terms: Tensor) -> None:
        """Add row after row to the cascades."""
        row = f"&{self.element(terms, [terms.stride(0)], [ROW])}"
        before, body, after = sums.by_rows(self.pointer(output), row, self.whole(output))
        self.add(output, body, sums.count, before=before, after=after)

    def _logistic(self, output: Tensor, x: Tensor) -> None:
        """What torch's pairs of vectors leave over at the end has the C library's exponential, as there."""
        functions.insist_on_torchs_logistic()
        self.elementwise(output, [x], lambda target, elements: f"{target} = logistic({elements[0]});")
        first = output.numel() // (2 * routines.WIDTH) * (2 * routines.WIDTH)
        by_rows = self.goes_by_rows(output.shape, [output, x])
        rows, width = (len(output), output.stride(0)) if by_rows else (1, output.numel())
        here = f"{first} - {ROW} * {width}" if by_rows else str(first)
        at_x, at_y = (
            self.element(tensor, [width, 1], [ROW, "j"]) if by_rows else self.element(tensor, [1], ["j"])
            for tensor in (x, output)
        )
        rest = f"for (long j = {here} > 0 ? {here} : 0; j < {width}; j++) {at_y} = 1.0f / (1.0f + expf(-{at_x}));"
        self.add(output, rest, rows)

    def _sums(self, sums: Sums, start: str, output: str) -> Iterator[str]:
        """The statements that write the sums of what begins at `start` to `output`."""
        if sums.is_piece:
            over_j = over("j", sums.columns)
            yield f"{over_j}({output})[j] = piece({start} + j * {sums.width}, {sums.count});"
            return
        size = VECTOR
        for kind, columns in sums.kinds():
            whole = len(columns) // size * size if sums.columns >= size and sums.width == 1 else 0
            middle = columns.start + whole
            yield (
                f"for (long j = {columns.start}; j < {middle}; j += {size}) "
                f"*(vector *)({output} + j) = {kind}_vector({start} + j, {sums.distance}, {sums.count});"
            )
            yield (
                f"for (long j = {middle}; j < {columns.stop}; j++) "
                f"({output})[j] = {kind}_one({start} + j * {sums.width}, {sums.distance}, {sums.count});"
            )

    def product(self, output: Tensor, x: Tensor, y: Tensor, bias: Tensor | None = None) -> None:
        order = order_of_product(x, y, bias)
        if order is None:
            self._call_product(output, x, y, bias)
        else:
            self._write_product(order, output, x, y, bias)

    def _write_product(self, order: Order, output: Tensor, x: Tensor, y: Tensor, bias: Tensor | None) -> None:
        (rows, inner), columns = x.shape, y.shape[1]
        is_written_out = inner <= MOST_WRITTEN_OUT or order.tree is not None
        by_rows = (inner <= MOST_WRITTEN_OUT or columns >= LANES) and self.goes_by_rows(output.shape, [x, output])
        is_sum = not (by_rows or is_written_out or order.terms_begun) and self.sums_rows(x, y)
        if rows > columns and not by_rows:
            (j, i), sizes = self.walk(columns, rows)
            outside, inside = over(j, columns), over(i, rows)
        else:
            (i, j), sizes = self.walk(rows, columns, by_rows)
            outside, inside = over(i, rows), over(j, columns)
        at_bias = "" if bias is None else self.element(bias, broadcast_strides(bias, (rows, columns)), [i, j])
        at_out = self.element(output, own_strides(output), [i, j])
        end = f" + {at_bias}" if order.adds_bias_last(bias is not None) else ""

        def factors(k: str) -> tuple[str, str]:
            return self.element(x, own_strides(x), [i, k]), self.element(y, own_strides(y), [k, j])

        if is_written_out:
            total = order.total(at_bias, [factors(str(k)) for k in range(inner)])
            self.add(output, f"{at_out} = {total}{end};", rows if by_rows else 1, sizes)
            return
        start = order.begin(at_bias, *(factors("0") if order.terms_begun else ("", "")))
        if is_sum:
            before, after = (self.nest(sizes, f"{at_out} = {value};") for value in (start, at_out + end))
            body = f"{at_out} = {order.plus(at_out, *factors(ROW))};"
            self.add(output, body, inner, sizes, before, after if end else "")
            return
        over_k = f"for (long k = {order.terms_begun}; k < {inner}; k++) "
        size, num_totals = (rows, columns) if by_rows else (1, rows * columns)
        if num_totals <= MOST_TOTALS:
            at = f"total[{j}]" if by_rows else f"total[{i} * {columns} + {j}]"
            self.add(
                output,
                f"{{ float total[{num_totals}]; {outside}{inside}{at} = {start}; "
                f"{over_k}{outside}{inside}{at} = {order.plus(at, *factors('k'))}; "
                f"{outside}{inside}{at_out} = {at}{end}; }}",
                size,
            )
        else:
            last = f"{inside}{at_out} = {at_out}{end};" if end else ""
            self.add(
                output,
                f"{outside}{{ {inside}{at_out} = {start}; "
                f"{over_k}{inside}{at_out} = {order.plus(at_out, *factors('k'))}; {last} }}",
                size,
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
        a_at, b_at, c_at = map(self.whole, (a, b, c))
        c_step = m if n == 1 else c.stride(1)
        if n == 1:
            b_step = b_step if b_form == "T" else k
        self.add(
            output,
            f"call_product({routine}, '{a_form}', '{b_form}', {m}, {n}, {k}, {a_at}, {a_step}, {b_at}, {b_step}, "
            f"{'0.0f' if bias is None else '1.0f'}, {c_at}, {c_step});",
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


ROUTINES: dict[Any, str] = {
    aten.tanh.default: routines.TANH,
    aten.exp.default: routines.EXP,
    aten.sqrt.default: routines.ROOT,
}
