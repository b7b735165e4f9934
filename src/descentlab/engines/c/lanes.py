"""Loops in C over a block of members side by side, a number of each in one vector register.

Element e of member l lies at `[e * BLOCK + l]`; the innermost loop of every statement runs over l, and the
compiler makes vector instructions of it. Outside of it is a loop over the rows (samples) of a tensor, and
operations whose rows depend on each other only row by row share that loop: so what lies between them is a row,
and stays in the processor's nearest memory, however many samples there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from descentlab.engines.c.loops import Places, broadcast_strides, literal, merged, nest, own_strides
from descentlab.engines.reuse import memory

BLOCK = 16
"""Members side by side."""

LONGEST_ROW = 2048
"""Numbers of a row that is kept in place of the whole tensor."""

ROW = "row"
"""The index of the loop over rows."""


@dataclass
class RowLoop:
    """A loop over rows: what comes before it, its body, and what comes after.

    Attributes:
        size: rows.
        before, body, after: statements; `row` is the index in the body.
        strides: by the number of each piece of memory the distance of its rows, where every row of the loop
            touches its own part of it; 0 where it does not.
        writes: the pieces of memory that are written to.
    """

    size: int
    before: str
    body: str
    after: str
    strides: dict[int, int] = field(default_factory=dict)
    writes: set[int] = field(default_factory=set)

    def depends_on(self, other: RowLoop) -> bool:
        """True if the two loops cannot change places."""
        return bool(self.writes & other.strides.keys() or other.writes & self.strides.keys())

    def can_share(self, other: RowLoop) -> bool:
        """True if row k of this loop may come right after row k of the other."""
        shared = (self.writes & other.strides.keys()) | (other.writes & self.strides.keys())
        return self.size == other.size and all(self.strides[piece] == other.strides[piece] != 0 for piece in shared)


class LanePlaces(Places):
    """Collects row loops over a block of members.

    Args:
        num_samples: rows of the data; an axis of this length is taken for that of the samples.

    Attributes:
        laned: pieces of memory of which every member has its own; the others are shared by all.
    """

    def __init__(self, num_samples: int) -> None:
        super().__init__()
        self.num_samples = num_samples
        self.laned: set[int] = set()
        self.loops: list[RowLoop] = []
        self._touched: dict[int, int] = {}

    def scratch(self, shape: Sequence[int]) -> Tensor:
        tensor = super().scratch(shape)
        self.laned.add(memory(tensor))
        return tensor

    def element(self, tensor: Tensor, strides: Sequence[int], indices: Sequence[str]) -> str:
        if memory(tensor) not in self.laned:
            return super().element(tensor, strides, indices)
        name = self.pointer(tensor)
        number = self.numbers[memory(tensor)]
        terms = [i if s == 1 else f"{i} * {s}" for i, s in zip(indices, strides, strict=True) if s and i != ROW]
        row_stride = sum(s for i, s in zip(indices, strides, strict=True) if i == ROW)
        if row_stride:
            terms.append(f"ROW{number}({row_stride})")
        terms += [str(tensor.storage_offset())] if tensor.storage_offset() or not terms else []
        own = row_stride if _lies_in_rows(tensor, row_stride) else 0
        self._touched[number] = own if self._touched.get(number, own) == own else 0
        return f"{name}[({' + '.join(terms)}) * {BLOCK} + l]"

    def nest(self, sizes: Sequence[int], body: str, prefix: str = "i") -> str:
        return nest(sizes, f"for (long l = 0; l < {BLOCK}; l++) {{ {body} }}", prefix)

    def elementwise(self, output: Tensor, tensors: list[Tensor], statement: Callable[[str, list[str]], str]) -> None:
        shape = output.shape
        strides = [broadcast_strides(tensor, shape) for tensor in (output, *tensors)]
        sizes, inner = merged(shape[1:], [stride[1:] for stride in strides])
        indices = [ROW, *(f"i{k}" for k in range(len(sizes)))]
        elements = [
            self.element(tensor, [*stride[:1], *steps], indices if stride else [])
            for tensor, stride, steps in zip((output, *tensors), strides, inner, strict=True)
        ]
        self._add(_length(shape), output, body=self.nest(sizes, statement(elements[0], elements[1:])))

    def reduction(
        self,
        output: Tensor,
        tensors: list[Tensor],
        shape: Sequence[int],
        axes: Sequence[int],
        term: Callable[[list[str]], str],
        divisor: int = 1,
    ) -> None:
        out_strides = iter([s for n, s in zip(output.shape, output.stride(), strict=True) if n != 1])
        out_steps = [0 if axis in axes or shape[axis] == 1 else next(out_strides) for axis in range(len(shape))]
        indices = [ROW if axis == 0 else f"i{axis}" for axis in range(len(shape))]
        inputs = [self.element(tensor, broadcast_strides(tensor, shape), indices) for tensor in tensors]
        target = self.element(output, out_steps, indices)
        kept = [axis for axis in range(1, len(shape)) if axis not in axes]
        summed = [axis for axis in range(1, len(shape)) if axis in axes]
        clear = _over(kept, shape, f"{target} = 0.0f;")
        add = _over([*kept, *summed], shape, f"{target} += {term(inputs)};")
        shrink = "" if divisor == 1 else _over(kept, shape, f"{target} = {target} / {literal(divisor)};")
        if 0 in axes:
            self._add(_length(shape), output, clear, add, shrink)
        else:
            self._add(_length(shape), output, body=f"{clear} {add} {shrink}")

    def product(self, output: Tensor, x: Tensor, y: Tensor, bias: Tensor | None = None) -> None:
        (rows, inner), columns = x.shape, y.shape[1]
        is_sum = rows != self.num_samples and inner == self.num_samples
        i, k = ("i", ROW) if is_sum else (ROW, "k")
        start = "0.0f"
        if bias is not None:
            start = self.element(bias, broadcast_strides(bias, (rows, columns)), [i, "j"])
        target = self.element(output, own_strides(output), [i, "j"])
        factor = self.element(x, own_strides(x), [i, k])
        other = self.element(y, own_strides(y), [k, "j"])

        def plus_term(total: str) -> str:
            return f"__builtin_fmaf({factor}, {other}, {total})"

        over_j = f"for (long j = 0; j < {columns}; j++)"
        lanes = f"for (long l = 0; l < {BLOCK}; l++)"
        if is_sum:
            over_ij = f"for (long i = 0; i < {rows}; i++) {over_j} {lanes}"
            self._add(inner, output, f"{over_ij} {target} = {start};", f"{over_ij} {target} = {plus_term(target)};")
        elif inner == 1:
            self._add(rows, output, body=f"{over_j} {lanes} {target} = {plus_term(start)};")
        else:
            self._add(
                rows,
                output,
                body=f"{over_j} {{ float total[{BLOCK}]; {lanes} total[l] = {start}; "
                f"for (long k = 0; k < {inner}; k++) {lanes} total[l] = {plus_term('total[l]')}; "
                f"{lanes} {target} = total[l]; }}",
            )

    def _add(self, size: int, output: Tensor, before: str = "", body: str = "", after: str = "") -> None:
        writes = {self.numbers[memory(output)]}
        self.loops.append(RowLoop(size, before, body, after, self._touched, writes))
        self._touched = {}


def shared_loops(loops: Sequence[RowLoop]) -> list[list[RowLoop]]:
    """The loops in groups that run as one, in an order that gives the same values."""
    groups: list[list[RowLoop]] = []
    for loop in loops:
        for group in reversed(groups):
            if all(loop.can_share(other) for other in group):
                group.append(loop)
                break
            if any(loop.depends_on(other) for other in group):
                groups.append([loop])
                break
        else:
            groups.append([loop])
    return groups


def loop_source(group: Sequence[RowLoop]) -> str:
    """The C statements of loops that run as one."""
    before, body, after = (" ".join(getattr(loop, part) for loop in group) for part in ("before", "body", "after"))
    return f"{before}\n        for (long {ROW} = 0; {ROW} < {group[0].size}; {ROW}++) {{\n{body}\n        }}\n{after}"


def rows_in_place(groups: Sequence[Sequence[RowLoop]], pieces: set[int]) -> dict[int, int]:
    """Of these pieces of memory, the ones of which one row at a time is needed, and how long that is."""
    rows = {}
    for piece in pieces:
        users = [(k, loop.strides[piece]) for k, group in enumerate(groups) for loop in group if piece in loop.strides]
        lengths = {stride for _, stride in users}
        if len({k for k, _ in users}) == 1 and len(lengths) == 1 and 0 < min(lengths) <= LONGEST_ROW:
            rows[piece] = min(lengths)
    return rows


def _lies_in_rows(tensor: Tensor, row_stride: int) -> bool:
    """True if row k of the tensor lies within `[k * row_stride, (k + 1) * row_stride)`."""
    others = [(n, s) for n, s in zip(tensor.shape, tensor.stride(), strict=True) if n != 1 and s != row_stride]
    return tensor.storage_offset() + sum((n - 1) * s for n, s in others) < row_stride


def _length(shape: Sequence[int]) -> int:
    return shape[0] if shape else 1


def _over(axes: Sequence[int], shape: Sequence[int], body: str) -> str:
    head = "".join(f"for (long i{axis} = 0; i{axis} < {shape[axis]}; i{axis}++) " for axis in axes)
    return f"{head}for (long l = 0; l < {BLOCK}; l++) {body}"
