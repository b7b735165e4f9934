"""Loops in C that leave torch's bits: its orders of adding, its own routines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from descentlab.engines.c.exact_functions import TorchFunctions
from descentlab.engines.c.loops import LANES, Places, literal
from descentlab.engines.c.products import Order, order_of_product
from descentlab.engines.c.sums import ROWS_SOURCE, VECTOR, Sums, is_plain, sums_of, sums_source
from descentlab.engines.c.walks import ROW, broadcast_strides, over, own_strides
from descentlab.engines.c.wide_products import MOST_WRITTEN_OUT, call_product, is_for_library
from descentlab.engines.record import CannotRecord

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


class ExactPlaces(TorchFunctions):
    """Statements with the bits of torch's kernels for one run.

    Where torch's order of adding is not one that is known here, torch's library is called, or the operation
    is refused.
    """

    helpers = (
        TorchFunctions.helpers
        + f"typedef float vector __attribute__((vector_size({4 * VECTOR}), aligned(4)));"
        + sums_source("one", "float", "0.0f")
        + sums_source("vector", "vector", "(vector){0}")
        + ROWS_SOURCE
        + PIECE
    )

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
            self.add(output, " ".join(self._sums(sums, self.start(terms), self.start(output))))
        if divisor != 1:
            j = "j" if sums.columns > 1 else "0"
            at = self.element(output, [1], [j])
            self.add(output, f"{over(j, sums.columns)}{at} = {at} / {literal(divisor)};")

    def _sum_rows(self, sums: Sums, output: Tensor, terms: Tensor) -> None:
        """Add row after row to the cascades."""
        row = self.start(terms, [terms.stride(0)], [ROW])
        before, body, after = sums.by_rows(self.pointer(output), row, self.start(output))
        self.add(output, body, sums.count, before=before, after=after)

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
        order = None if is_for_library(x, y) else order_of_product(x, y, bias)
        if order is None:
            call_product(self, output, x, y, bias)
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


def terms_of(places: Places, tensors: list[Tensor], shape: Sequence[int], term: Callable[[list[str]], str]) -> Tensor:
    """The tensor whose numbers a reduction adds: the one given, or one that the places fill with the terms."""
    if len(tensors) == 1 and term(["x"]) == "x":
        return tensors[0]
    if not all(tensor.shape == torch.Size(shape) and tensor.is_contiguous() for tensor in tensors):
        raise CannotRecord("a loss is taken of numbers that do not lie in one piece")
    terms = places.scratch(shape)
    places.elementwise(terms, tensors, lambda target, elements: f"{target} = {term(elements)};")
    return terms
