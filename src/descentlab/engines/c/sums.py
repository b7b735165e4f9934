"""Sums in C that add in the order in which torch adds, and so have its bits.

torch sums in cascades: numbers are added to a running total, which is emptied into a coarser one every so many
numbers, on four levels. A row is dealt out to four cascades; a row that lies in one piece is dealt out to the
lanes of a vector before. Which of these it takes follows from how the numbers lie in memory (SumKernel.cpp in
ATen/native/cpu, read with torch 2.13).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from descentlab.engines.record import CannotRecord

CASCADES = 4
"""Cascades of one row."""

VECTOR = 8
"""Numbers of a vector: torch builds its sums for 256 bits, also on processors with longer vectors."""


def sums_source(name: str, kind: str, zero: str) -> str:
    """C functions `cascade_name` and `row_name`: `(first number, distance, count) -> sum`.

    Args:
        name: what the functions are called after.
        kind: the C type that is added: float, or several side by side.
        zero: its zero.
    """
    return f"""
static inline {kind} cascade_{name}(const float *p, long distance, long n) {{
    long digits = 0, power, i = 0;
    while ((1L << digits) < n) digits++;
    power = digits / 4 > 4 ? digits / 4 : 4;
    {kind} total[4] = {{{zero}, {zero}, {zero}, {zero}}};
    long pause = 1L << power;
    while (i + pause <= n) {{
        for (long k = 0; k < pause; k++, i++) total[0] += *(const {kind} *)(p + i * distance);
        for (long level = 1; level < 4; level++) {{
            total[level] += total[level - 1];
            total[level - 1] = {zero};
            if (i & ((pause - 1) << (level * power))) break;
        }}
    }}
    for (; i < n; i++) total[0] += *(const {kind} *)(p + i * distance);
    return total[0] + total[1] + total[2] + total[3];
}}
static inline {kind} row_{name}(const float *p, long distance, long n) {{
    {kind} part[{CASCADES}];
    for (long k = 0; k < {CASCADES}; k++)
        part[k] = cascade_{name}(p + k * distance, {CASCADES} * distance, n / {CASCADES});
    for (long i = n / {CASCADES} * {CASCADES}; i < n; i++) part[0] += *(const {kind} *)(p + i * distance);
    return part[0] + part[1] + part[2] + part[3];
}}
"""


@dataclass(frozen=True)
class Sums:
    """The sums along some axes of a tensor: `count` numbers, `distance` apart, for each of `columns` that
    begin `width` apart."""

    count: int
    distance: int
    columns: int
    width: int

    @property
    def is_piece(self) -> bool:
        """True if a column lies in one piece that fills at least one vector."""
        return self.distance == 1 and self.count >= VECTOR

    def kinds(self) -> Iterator[tuple[str, range]]:
        """Which function adds up which columns, of those that do not lie in one piece."""
        wide = self.width == 1 and self.columns >= VECTOR
        together = CASCADES * (VECTOR if wide else 1)
        in_cascades = self.columns // together * together if self.width == 1 and self.columns > 1 else 0
        yield "cascade", range(in_cascades)
        yield "row", range(in_cascades, self.columns)


def sums_of(shape: Sequence[int], strides: Sequence[int], axes: Sequence[int]) -> Sums:
    """How the sums along `axes` of a tensor lie.

    Raises:
        CannotRecord: if the tensor does not lie in a piece, or the sum is none of one or two axes.
    """
    places = [(size, stride, axis in axes) for axis, (size, stride) in enumerate(zip(shape, strides, strict=True))]
    places = sorted((place for place in places if place[0] != 1), key=lambda place: place[1])
    expected = 1
    merged: list[tuple[int, int, bool]] = []
    for size, stride, summed in places:
        if stride != expected:
            raise CannotRecord("its sum goes over numbers that do not lie in one piece")
        expected *= size
        if merged and merged[-1][2] == summed:
            merged[-1] = (merged[-1][0] * size, merged[-1][1], summed)
        else:
            merged.append((size, stride, summed))
    along = [(size, stride) for size, stride, summed in merged if summed]
    beside = [(size, stride) for size, stride, summed in merged if not summed]
    if len(along) > 1 or len(beside) > 1:
        raise CannotRecord("its sum goes over several axes at once")
    return Sums(*(along or [(1, 1)])[0], *(beside or [(1, 0)])[0])


def is_plain(tensor: Tensor) -> bool:
    """True if the tensor's numbers lie in one piece in the order of its axes, from the start of its memory."""
    return tensor.is_contiguous() and tensor.storage_offset() == 0
