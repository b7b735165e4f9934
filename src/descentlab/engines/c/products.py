"""The order in which torch's matrix product adds its terms, found out by trying.

The library below torch (MKL, OpenBLAS, ...) chooses the order by the processor and by the sizes. For products
with few rows or columns it is often the plain one, term after term. Else the order is read off products of
numbers of which a pair cancels: what was added to one of the pair before it met the other is lost in it, so
the result tells how many terms stand in the smallest sum that holds both (Xie and others, FPRev, 2024).
Whatever was found is then held against torch's bits, on random numbers and zeros of both signs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from descentlab.engines.same_bits import same_bits

MOST_TERMS = 4096
"""Terms of a sum up to which the plain order is tried."""

MOST_LEAVES = 64
"""Terms of a sum up to which another order is looked for."""

NUM_FIRST_TRIALS = 4
"""Products that most orders fail at, and that are enough for those of one term."""

NUM_TRIALS = 48
"""Products whose every number has to have torch's bits: two orders may well agree on a few, and the last rows of a
product may be added in another order than the others."""

NUM_TRIALS_OF_ROWS = 192
"""The same for orders that are those of a few rows only, and have fewer numbers to be tried on."""

MOST_ORDERS = 4
"""Of the rows of one product."""

MOST_MULTIPLICATIONS = 400_000
"""Of a product up to which its order is looked for."""

LARGE = 2.0**40

Tree = Any
"""The number of a term, or a pair of trees that are added."""


@dataclass(frozen=True)
class Order:
    """How the terms of a sum of products are added.

    Attributes:
        is_fused: a term is multiplied and added with one rounding.
        start: what the terms are added to: `zero`, the `first` of them, or the `bias`, which is added in the
            end otherwise. (0 + -0 is 0, -0 + -0 is -0.)
        tree: what is added to what; None for one term after another.
    """

    is_fused: bool
    start: str
    tree: Tree = None

    @property
    def terms_begun(self) -> int:
        """Terms that are in the start."""
        return int(self.start == "first")

    def adds_bias_last(self, has_bias: bool) -> bool:
        return has_bias and self.start != "bias"

    def begin(self, bias: str, x: str, y: str) -> str:
        """The C expression of what the terms are added to, given those of the bias and the first factors."""
        return {"zero": "0.0f", "bias": bias, "first": f"{x} * {y}"}[self.start]

    def plus(self, total: str, x: str, y: str) -> str:
        """The C expression of a total and one more term."""
        return f"__builtin_fmaf({x}, {y}, {total})" if self.is_fused else f"{total} + {x} * {y}"

    def total(self, bias: str, factors: list[tuple[str, str]]) -> str:
        """The C expression of the whole sum but for a bias that is added last, from those of the factors."""
        expression = self.begin(bias, *factors[0])
        if self.tree is None:
            for x, y in factors[self.terms_begun :]:
                expression = f"({self.plus(expression, x, y)})"
            return expression

        def written(tree: Tree) -> str:
            if isinstance(tree, int):
                return f"{factors[tree][0]} * {factors[tree][1]}"
            left, right = tree
            if isinstance(right, int):
                return f"({self.plus(written(left), *factors[right])})"
            return f"({written(left)} + {written(right)})"

        return written(self.tree) if self.start == "first" else f"({expression} + {written(self.tree)})"


def order_of_product(x: Tensor, y: Tensor, bias: Tensor | None) -> Order | None:
    """The order of `x @ y + bias` for matrices that lie in memory as these do; None if it was not found.

    Args:
        x: `[row, term]`.
        y: `[term, column]`.
        bias: broadcast to `[row, column]`, or None.
    """
    if x.shape[1] > MOST_TERMS or x.numel() * y.shape[1] > MOST_MULTIPLICATIONS:
        return None
    return _order_found(*map(_layout, (x, y, bias)), torch.get_num_threads())


def orders_of_rows(x: Tensor, y: Tensor, bias: Tensor | None) -> list[tuple[int, Order]] | None:
    """The orders of the rows of `x @ y + bias`, each with the row before which it ends; None if one was not found.

    The library adds several rows at once, and those that are left over at the end in another way.
    """
    order = order_of_product(x, y, bias)
    if order is not None:
        return [(x.shape[0], order)]
    if x.shape[1] > MOST_LEAVES or x.numel() * y.shape[1] > MOST_MULTIPLICATIONS:
        return None
    return _orders_of_rows_found(*map(_layout, (x, y, bias)), torch.get_num_threads())


Layout = tuple[tuple[int, ...], tuple[int, ...]] | None
"""Shape and strides."""


def _layout(tensor: Tensor | None) -> Layout:
    return None if tensor is None else (tuple(tensor.shape), tensor.stride())


@cache
def _order_found(x_layout: Layout, y_layout: Layout, bias_layout: Layout, num_threads: int) -> Order | None:
    x, y, bias = (
        None if layout is None else torch.empty_strided(*layout) for layout in (x_layout, y_layout, bias_layout)
    )
    assert x is not None
    assert y is not None
    few = _Trials(x, y, bias, NUM_FIRST_TRIALS)
    fitting = (order for order in _orders(x, y, bias) if few.fit(order))
    first = next(fitting, None)
    if first is None or x.shape[1] == 1:
        return first
    many = _Trials(x, y, bias, NUM_TRIALS)
    return next((order for order in (first, *fitting) if many.fit(order)), None)


@cache
def _orders_of_rows_found(
    x_layout: Layout, y_layout: Layout, bias_layout: Layout, num_threads: int
) -> list[tuple[int, Order]] | None:
    x, y, bias = (
        None if layout is None else torch.empty_strided(*layout) for layout in (x_layout, y_layout, bias_layout)
    )
    assert x is not None
    assert y is not None
    trials, start = _Trials(x, y, bias, NUM_TRIALS_OF_ROWS), 0
    found: list[tuple[int, Order]] = []
    while start < x.shape[0]:
        ends = [(trials.end_of_fit(order, start), order) for order in _orders(x, y, bias, start)]
        end, order = max(ends, key=lambda pair: pair[0])
        if end == start or len(found) == MOST_ORDERS:
            return None
        found.append((end, order))
        start = end
    return found


def _orders(x: Tensor, y: Tensor, bias: Tensor | None, row: int = 0) -> Iterator[Order]:
    starts = ("zero", "first") if bias is None else ("zero", "first", "bias")
    for is_fused in (False, True):
        for start in starts:
            yield Order(is_fused, start)
    if 2 < x.shape[1] <= MOST_LEAVES:
        tree = _tree(x, y, bias, list(range(x.shape[1])), row)
        for is_fused in (False, True):
            for start in starts:
                yield Order(is_fused, start, tree)


def _tree(x: Tensor, y: Tensor, bias: Tensor | None, terms: list[int], row: int) -> Tree:
    """What is added to what among some terms that are added up before others are, in a row."""
    pivot, *others = terms
    size_with = {other: _terms_in_sum_of(pivot, other, x, y, bias, row) for other in others}
    tree: Tree = pivot
    for size in sorted(set(size_with.values())):
        tree = (tree, _tree(x, y, bias, [other for other in others if size_with[other] == size], row))
    return tree


def _terms_in_sum_of(first: int, second: int, x: Tensor, y: Tensor, bias: Tensor | None, row: int) -> int:
    """How many terms stand in the smallest sum that holds these two; for a row and the first column."""
    left, right = (torch.empty_strided(one.shape, one.stride()).fill_(1.0) for one in (x, y))
    left[:, first], left[:, second] = LARGE, -LARGE
    added = None if bias is None else torch.empty_strided(bias.shape, bias.stride()).zero_()
    result = left @ right if added is None else torch.addmm(added, left, right)
    return x.shape[1] - int(result[row, 0])


class _Trials:
    """Products of random numbers that lie in memory as the given ones do; in every other one, zeros among them."""

    def __init__(self, x: Tensor, y: Tensor, bias: Tensor | None, count: int) -> None:
        generator = torch.Generator().manual_seed(count)
        lefts, rights, biases, products = [], [], [], []
        for trial in range(count):
            left, right = (_like(one, generator, has_zeros=trial % 2 == 1) for one in (x, y))
            added = torch.zeros(1) if bias is None else _like(bias, generator, has_zeros=trial % 2 == 1)
            lefts.append(left.contiguous())
            rights.append(right.contiguous())
            biases.append(added.expand(x.shape[0], y.shape[1]))
            products.append(left @ right if bias is None else torch.addmm(added, left, right))
        self.x, self.y, self.products = torch.stack(lefts), torch.stack(rights), torch.stack(products)
        self.bias = None if bias is None else torch.stack(biases)

    def fit(self, order: Order) -> bool:
        """True if the terms, added in this order, have the products' bits."""
        return same_bits(self._results(order), self.products)

    def end_of_fit(self, order: Order, start: int) -> int:
        """The first row from `start` that does not have the products' bits."""
        results = self._results(order)[:, start:]
        products = self.products[:, start:]
        is_other = (results != products) | (results.signbit() != products.signbit())
        rows = is_other.any(2).any(0).nonzero()
        return start + (int(rows[0]) if len(rows) else results.shape[1])

    def _results(self, order: Order) -> Tensor:
        total = self._sum(order)
        return total if self.bias is None or order.start == "bias" else total + self.bias

    def _sum(self, order: Order) -> Tensor:
        terms = [(self.x[:, :, k : k + 1], self.y[:, k : k + 1]) for k in range(self.x.shape[2])]

        def plus(total: Tensor, term: int) -> Tensor:
            left, right = terms[term]
            return total.addcmul(left, right) if order.is_fused else total + left * right

        def added(tree: Tree) -> Tensor:
            if isinstance(tree, int):
                return terms[tree][0] * terms[tree][1]
            left, right = tree
            return plus(added(left), right) if isinstance(right, int) else added(left) + added(right)

        total = torch.zeros_like(self.products)
        if order.start == "bias" and self.bias is not None:
            total = self.bias
        elif order.start == "first" and order.tree is None:
            total = terms[0][0] * terms[0][1]
        if order.tree is not None:
            return added(order.tree) if order.start == "first" else total + added(order.tree)
        for term in range(order.terms_begun, len(terms)):
            total = plus(total, term)
        return total


def _like(tensor: Tensor, generator: torch.Generator, has_zeros: bool) -> Tensor:
    result = torch.empty_strided(tensor.shape, tensor.stride())
    numbers = torch.randn(tensor.shape, generator=generator)
    zeros = torch.rand(tensor.shape[-1:], generator=generator) < (1 / 3 if has_zeros else 0)
    return result.copy_(torch.where(zeros, numbers * 0.0, numbers))
