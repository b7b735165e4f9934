"""Loops over a block of members side by side that leave each member the bits of its lone run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from descentlab.engines.c.exact_functions import TorchFunctions
from descentlab.engines.c.exact_loops import terms_of
from descentlab.engines.c.lanes import BLOCK, LanePlaces
from descentlab.engines.c.loops import literal
from descentlab.engines.c.products import Order, orders_of_rows
from descentlab.engines.c.sums import VECTOR, is_plain, sums_of, sums_source
from descentlab.engines.c.walks import ROW, broadcast_strides, own_strides
from descentlab.engines.record import CannotRecord
from descentlab.engines.reuse import memory

PIECE = f"""
static inline block piece_block(const float *p, long n) {{
    block total = {{0}};
    for (long i = n / {VECTOR} * {VECTOR}; i < n; i++) total += *(const block *)(p + i * {BLOCK});
    for (long l = 0; l < {VECTOR}; l++) total += row_block(p + l * {BLOCK}, {VECTOR * BLOCK}, n / {VECTOR});
    return total;
}}
"""


class ExactLanePlaces(TorchFunctions, LanePlaces):
    """Statements with the bits of torch's kernels for every member.

    Raises:
        CannotRecord: by each method, where torch's order of adding is not one that is known here.
    """

    width = BLOCK
    helpers = (
        TorchFunctions.helpers
        + f"typedef float block __attribute__((vector_size({4 * BLOCK}), aligned(4)));"
        + sums_source("block", "block", "(block){0}")
        + PIECE
    )

    def _index(self, sizes: Sequence[int]) -> str:
        return f"({super()._index(sizes)}) * {BLOCK} + l"

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
        if memory(terms) not in self.laned:
            raise CannotRecord("a sum goes over what all members share")
        sums = sums_of(terms.shape, terms.stride(), axes)
        if not is_plain(output) or output.numel() != sums.columns:
            raise CannotRecord("a sum does not lie in one piece")
        self.element(terms, [], [])
        self.element(output, [], [])
        start = f"{self.pointer(terms)} + ({terms.storage_offset()} + j * {sums.width}) * {BLOCK}"
        numbers = str(sums.count) if sums.is_piece else f"{sums.distance * BLOCK}, {sums.count}"
        divided = "" if divisor == 1 else f" / {literal(divisor)}"
        parts = [("piece", range(sums.columns))] if sums.is_piece else list(sums.kinds())
        body = " ".join(
            f"for (long j = {columns.start}; j < {columns.stop}; j++) "
            f"*(block *)({self.pointer(output)} + j * {BLOCK}) = {kind}_block({start}, {numbers}){divided};"
            for kind, columns in parts
        )
        self.add(output, body)

    def product(self, output: Tensor, x: Tensor, y: Tensor, bias: Tensor | None = None) -> None:
        (rows, inner), columns = x.shape, y.shape[1]
        orders = orders_of_rows(x, y, bias)
        if orders is None:
            raise CannotRecord("torch's order of adding the terms of a product is not known")
        is_sum = self.sums_rows(x, y)
        (i, j), sizes = self.walk(rows, columns, by_rows=not is_sum)

        def factors(k: str) -> tuple[str, str]:
            return self.element(x, own_strides(x), [i, k]), self.element(y, own_strides(y), [k, j])

        added = "" if bias is None else self.element(bias, broadcast_strides(bias, (rows, columns)), [i, j])
        target = self.element(output, own_strides(output), [i, j])

        def ended(order: Order, total: str) -> str:
            return f"{target} = {total}{f' + {added}' if order.adds_bias_last(bias is not None) else ''};"

        if is_sum:
            ((_, order), *others) = orders
            if others or order.terms_begun or order.tree is not None:
                raise CannotRecord("torch's order of adding over the samples is not known")
            before = self.nest(sizes, f"{target} = {order.begin(added, '', '')};")
            after = self.nest(sizes, ended(order, target)) if order.adds_bias_last(bias is not None) else ""
            self.add(output, f"{target} = {order.plus(target, *factors(ROW))};", inner, sizes, before, after)
            return
        *firsts, last = [
            (end, ended(order, order.total(added, [factors(str(k)) for k in range(inner)]))) for end, order in orders
        ]
        if firsts:
            branches = [f"if ({ROW} < {end}) {self.nest(sizes, statement)} else " for end, statement in firsts]
            self.add(output, f"{''.join(branches)}{self.nest(sizes, last[1])}", rows)
        else:
            self.add(output, last[1], rows, sizes)
