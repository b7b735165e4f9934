"""Loops in C over tensors that lie in known places: elementwise operations, sums, matrix products.

Sums and products add their terms in the order in which that is fastest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from descentlab.engines.c import functions, routines
from descentlab.engines.c.routines import address
from descentlab.engines.c.row_loops import RowLoop
from descentlab.engines.c.walks import (
    ROW,
    broadcast_strides,
    has_rows,
    head,
    lies_in_rows,
    merged,
    nest,
    over,
    own_strides,
)
from descentlab.engines.c.wide_products import MOST_WRITTEN_OUT, call_product, is_for_library
from descentlab.engines.record import CannotRecord
from descentlab.engines.reuse import memory

LANES = 16
"""Partial sums of a reduction, so that the compiler can add several numbers at once without reordering."""


class Places:
    """The pieces of memory that a C function reads and writes, called `m0`, `m1`, ... as they turn up, and the
    loops that do so.

    Args:
        num_rows: an axis of this length is gone through row by row, if it is the first one; 0 if no axis is.

    Attributes:
        helpers: C source that the loops want before them.
        is_exact: whether they leave torch's bits.
    """

    helpers = routines.SOURCE + functions.SOURCE
    is_exact = False

    def __init__(self, num_rows: int = 0) -> None:
        self.num_rows = num_rows
        self.tensors: list[Tensor] = []
        self.numbers: dict[int, int] = {}
        self.replaceable: dict[str, int] = {}
        self.loops: list[RowLoop] = []
        self.routines: list[str] = []
        self._strides: dict[int, int] = {}
        self._elements: dict[int, set[str]] = {}

    def pointer(self, tensor: Tensor) -> str:
        """The name of the piece of memory in which a tensor lies."""
        if str(tensor.dtype) != "torch.float32":
            raise CannotRecord(f"a native step covers float32 only, not {tensor.dtype}")
        if memory(tensor) not in self.numbers:
            self.numbers[memory(tensor)] = len(self.tensors)
            self.tensors.append(tensor)
        return f"m{self.numbers[memory(tensor)]}"

    def replaceable_pointer(self, name: str, tensor: Tensor) -> None:
        """A piece of memory for which `addresses` may be given another tensor under this name."""
        self.pointer(tensor)
        self.replaceable[name] = self.numbers[memory(tensor)]

    def addresses(self, instead: dict[str, Tensor]) -> list[int]:
        """Where the pieces of memory begin now."""
        tensors = list(self.tensors)
        for name, tensor in instead.items():
            tensors[self.replaceable[name]] = tensor
        return [tensor.untyped_storage().data_ptr() for tensor in tensors] + list(map(address, self.routines))

    def routine(self, name: str, kind: str) -> str:
        """The C expression of a routine of torch's own, of a function pointer's type `kind`."""
        address(name)
        if name not in self.routines:
            self.routines.append(name)
        return f"(({kind})routines[{self.routines.index(name)}])"

    def scratch(self, shape: Sequence[int]) -> Tensor:
        """A new tensor that nothing else reads or writes."""
        return torch.empty(list(shape))

    def calls_routine(self, function: Any, output: Tensor, args: Sequence[Any]) -> bool:
        """Write down the call of a routine for an approximated function; False if it is to be written out."""
        return False

    def local(self, lines: list[str], name: str, sizes: Sequence[int]) -> str:
        """A number of its own for every time round a loop over `sizes`, declared in the loop's lines."""
        lines.append(f"float {name};")
        return name

    def root(self, lines: list[str], sizes: Sequence[int], result: str, number: str) -> None:
        """Add to the lines of a loop over `sizes`: result = square root of a number."""
        lines.append(f"{result} = sqrtf({number});")

    def loop(self, lines: list[str], sizes: Sequence[int]) -> str:
        """The loop over `sizes` with these lines."""
        return self.nest(sizes, " ".join(lines))

    def element(self, tensor: Tensor, strides: Sequence[int], indices: Sequence[str]) -> str:
        """The element of a tensor at these indices; `row` is the index of the loop over rows."""
        name = self.pointer(tensor)
        number = self.numbers[memory(tensor)]
        row_stride = sum(s for i, s in zip(indices, strides, strict=True) if i == ROW)
        terms = [i if s == 1 else f"{i} * {s}" for i, s in zip(indices, strides, strict=True) if s and i != ROW]
        terms += [f"ROW{number}({row_stride})"] if row_stride else []
        terms += [str(tensor.storage_offset())] if tensor.storage_offset() or not terms else []
        subscript = self.subscript(tensor, " + ".join(terms))
        own = row_stride if lies_in_rows(tensor, row_stride) else 0
        self._strides[number] = own if self._strides.get(number, own) == own else 0
        self._elements.setdefault(number, set()).add(subscript)
        return f"{name}[{subscript}]"

    def start(self, tensor: Tensor, strides: Sequence[int] = (), indices: Sequence[str] = ()) -> str:
        """Where an element begins, for a statement that touches what follows it, too."""
        return f"&{self.element(tensor, strides, indices)}"

    def subscript(self, tensor: Tensor, place: str) -> str:
        """What stands in brackets for a place of a tensor's memory."""
        return place

    def head(self, sizes: Sequence[int], prefix: str = "i") -> str:
        """One loop an axis, with the indices i0, i1, ..."""
        return head(sizes, prefix)

    def nest(self, sizes: Sequence[int], body: str, prefix: str = "i") -> str:
        """`body` inside these loops."""
        return f"{self.head(sizes, prefix)}{{ {body} }}"

    def goes_by_rows(self, shape: Sequence[int], tensors: Sequence[Tensor]) -> bool:
        """True if these tensors, seen with this shape, are gone through row by row."""
        return bool(shape) and shape[0] == self.num_rows and all(has_rows(tensor, shape) for tensor in tensors)

    def elementwise(self, output: Tensor, tensors: list[Tensor], statement: Callable[[str, list[str]], str]) -> None:
        """`statement(output element, input elements)` for all elements of the output."""
        shape = output.shape
        num_outer = int(self.goes_by_rows(shape, [output, *tensors]))
        strides = [broadcast_strides(tensor, shape) for tensor in (output, *tensors)]
        sizes, inner = merged(shape[num_outer:], [stride[num_outer:] for stride in strides])
        indices = [ROW] * num_outer + [f"i{k}" for k in range(len(sizes))]
        elements = [
            self.element(tensor, [*stride[:num_outer], *steps], indices)
            for tensor, stride, steps in zip((output, *tensors), strides, inner, strict=True)
        ]
        self.add(output, statement(elements[0], elements[1:]), shape[0] if num_outer else 1, sizes)

    def add(
        self,
        output: Tensor,
        body: str,
        size: int = 1,
        sizes: Sequence[int] | None = None,
        before: str = "",
        after: str = "",
    ) -> None:
        """Add the loop that writes `output`, touching the elements that were asked for since the last one.

        Args:
            output: of which at least one element was asked for.
            body: of the loop, or of those inside it over i0, i1, ... below `sizes`.
            size: rows.
        """
        head, num_indices = ("", 0) if sizes is None else (self.head(sizes), len(sizes))
        writes = {self.numbers[memory(output)]}
        loop = RowLoop(size, before, body, after, head, num_indices, self._strides, self._elements, writes)
        self.loops.append(loop)
        self._strides, self._elements = {}, {}

    def reduction(
        self,
        output: Tensor,
        tensors: list[Tensor],
        shape: Sequence[int],
        axes: Sequence[int],
        term: Callable[[list[str]], str],
        divisor: int = 1,
    ) -> None:
        """output = (sum of `term` along `axes` of `shape`) / divisor."""
        divided = "" if divisor == 1 else f" / {literal(divisor)}"
        by_rows = list(axes) == [0] and math.prod(shape[1:]) >= LANES and self.goes_by_rows(shape, tensors)
        kept = [axis for axis in range(len(shape)) if axis not in axes]
        out_strides = iter([s for n, s in zip(output.shape, output.stride(), strict=True) if n != 1])
        out_steps = [next(out_strides) if shape[axis] != 1 else 0 for axis in kept]
        wide = [broadcast_strides(tensor, shape) for tensor in tensors]
        outer = [[stride[axis] for axis in kept] for stride in wide]
        inner_sizes, inner = merged([shape[a] for a in axes], [[stride[a] for a in axes] for stride in wide])
        outer_sizes = [shape[axis] for axis in kept]
        rows = [f"i{k}" for k in range(len(kept))]
        columns = [ROW] if by_rows else [f"k{k}" for k in range(len(inner_sizes))]
        target = self.element(output, out_steps, rows)
        inputs = [
            self.element(tensor, [*o, *i], [*rows, *columns])
            for tensor, o, i in zip(tensors, outer, inner, strict=True)
        ]
        clear = self.nest(outer_sizes, f"{target} = 0.0f;")
        shrink = self.nest(outer_sizes, f"{target} = {target}{divided};") if divided else ""
        plus = f"{target} += {term(inputs)};"
        if by_rows:
            self.add(output, plus, shape[0], outer_sizes, clear, shrink)
        elif kept and outer_sizes[-1] >= LANES and out_steps[-1] == 1:
            self.add(output, clear + self.nest(inner_sizes, self.nest(outer_sizes, plus), "k") + shrink)
        else:
            total = f"float total = 0; {_sum(inner_sizes, term(inputs))} {target} = total{divided};"
            self.add(output, self.nest(outer_sizes, total))

    def product(self, output: Tensor, x: Tensor, y: Tensor, bias: Tensor | None = None) -> None:
        """output = x [i, k] @ y [k, j] + bias [i, j], with the innermost loop along memory."""
        if is_for_library(x, y) and routines.has(routines.PRODUCT):
            call_product(self, output, x, y, bias)
            return
        (rows, inner), columns = x.shape, y.shape[1]
        by_rows = self.goes_by_rows(output.shape, [x, output])
        is_sum = not by_rows and self.sums_rows(x, y)
        (i, j), sizes = self.walk(rows, columns, by_rows)
        over_i, over_j, over_k = over(i, rows), over(j, columns), over("k", inner)

        def plus_term(total: str, k: str) -> str:
            left, right = self.element(x, own_strides(x), [i, k]), self.element(y, own_strides(y), [k, j])
            return f"__builtin_fmaf({left}, {right}, {total})"

        start = "0.0f" if bias is None else self.element(bias, broadcast_strides(bias, (rows, columns)), [i, j])
        target = self.element(output, own_strides(output), [i, j])
        size = rows if by_rows else 1
        if is_sum:
            before = f"{over_i}{over_j}{target} = {start};"
            self.add(output, f"{target} = {plus_term(target, ROW)};", inner, sizes, before)
        elif inner <= MOST_WRITTEN_OUT:
            for k in range(inner):
                start = plus_term(start, str(k))
            self.add(output, f"{target} = {start};", size, sizes)
        elif columns >= LANES // 2:
            body = f"{over_j}{target} = {start}; {over_k}{over_j}{target} = {plus_term(target, 'k')};"
            self.add(output, f"{over_i}{{ {body} }}", size)
        else:
            whole = inner - inner % LANES
            lanes = (
                f"float lane[{LANES}] = {{0}}; for (long b = 0; b < {whole}; b += {LANES}) "
                f"for (long l = 0; l < {LANES}; l++) {{ long k = b + l; lane[l] = {plus_term('lane[l]', 'k')}; }} "
                f"for (long k = {whole}; k < {inner}; k++) lane[0] = {plus_term('lane[0]', 'k')}; "
                f"float total = 0; for (long l = 0; l < {LANES}; l++) total += lane[l]; "
            )
            self.add(output, f"{over_i}{over_j}{{ {lanes}{target} = total + {start}; }}", size)

    def sums_rows(self, x: Tensor, y: Tensor) -> bool:
        """True if `x @ y` is a sum over rows, and wide enough for its numbers to be added side by side."""
        return x.shape[0] * y.shape[1] >= LANES and self.goes_by_rows(y.shape, [x.t(), y])

    @staticmethod
    def walk(rows: int, columns: int, by_rows: bool = False) -> tuple[list[str], list[int]]:
        """The indices of rows and columns of a matrix, i0, i1, ..., and their loops' sizes; an axis of one has none."""
        sizes = [1 if by_rows else rows, columns]
        axes = [axis for axis in (0, 1) if sizes[axis] != 1]
        names = [f"i{axes.index(axis)}" if axis in axes else "0" for axis in (0, 1)]
        return [ROW if by_rows else names[0], names[1]], [sizes[axis] for axis in axes]


def _sum(sizes: Sequence[int], term: str) -> str:
    """`total += term` over the axes k0, k1, ...; the last one in lanes."""
    if not sizes or math.prod(sizes) < 2 * LANES:
        return nest(sizes, f"total += {term};", "k")
    *outer, last = sizes
    axis = f"k{len(outer)}"
    whole = last - last % LANES
    lanes = (
        f"for (long b = 0; b < {whole}; b += {LANES}) "
        f"for (long l = 0; l < {LANES}; l++) {{ long {axis} = b + l; lane[l] += {term}; }} "
        f"for (long {axis} = {whole}; {axis} < {last}; {axis}++) lane[0] += {term};"
    )
    return (
        f"float lane[{LANES}] = {{0}}; {nest(outer, lanes, 'k')} for (long l = 0; l < {LANES}; l++) total += lane[l];"
    )


def literal(value: Any) -> str:
    """A number as C writes it, exactly, rounded to float as torch does."""
    value = float(value)
    if math.isnan(value) or math.isinf(value):
        return "NAN" if math.isnan(value) else f"({'-' if value < 0 else ''}INFINITY)"
    return f"((float){value.hex()})"
