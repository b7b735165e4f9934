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


ROWS_SOURCE = """
#define ROWS static inline __attribute__((always_inline)) void
/* Add one row, the i-th from 1, to the cascades of its columns: their totals, [level][column]. */
ROWS add_row(float *restrict total, const float *restrict row, long columns, long i, long power) {
    for (long j = 0; j < columns; j++) total[j] += row[j];
    if (i & ((1L << power) - 1)) return;
    for (long level = 1; level < 4; level++) {
        float *restrict finer = total + (level - 1) * columns;
        for (long j = 0; j < columns; j++) {
            finer[columns + j] += finer[j];
            finer[j] = 0.0f;
        }
        if (i & (((1L << power) - 1) << (level * power))) return;
    }
}
/* Empty the coarser totals into the finest. */
ROWS end_rows(float *restrict total, long columns) {
    for (long j = 0; j < columns; j++) {
        total[j] = total[j] + total[columns + j] + total[2 * columns + j] + total[3 * columns + j];
        total[columns + j] = total[2 * columns + j] = total[3 * columns + j] = 0.0f;
    }
}
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

    def by_rows(self, name: str, row: str, output: str) -> tuple[str, str, str]:
        """The statements before, in and after a loop over `row` that adds one row after another.

        Args:
            name: of the totals.
            row: where the row begins.
            output: where the sums begin.
        """
        before, body, after = [], [], []
        for kind, columns in self.kinds():
            if not columns:
                continue
            own, width = f"{kind}_{name}", len(columns)
            numbers = f"{row} + {columns.start}, {width}"
            num_parts = CASCADES if kind == "row" else 1
            each = self.count // num_parts
            size = 4 * width
            before.append(f"float {own}[{num_parts * size}] __attribute__((aligned(64))) = {{0}};")
            part = f"{own} + row % {num_parts} * {size}"
            body.append(
                f"if (row == {num_parts * each}) end_rows({own}, {width}); "
                f"if (row >= {num_parts * each}) for (long j = 0; j < {width}; j++) "
                f"{own}[j] += ({row})[{columns.start} + j]; "
                f"else add_row({part}, {numbers}, row / {num_parts} + 1, {_power(each)});"
            )
            after += [f"end_rows({own} + {k * size}, {width});" for k in range(num_parts)]
            total = " + ".join(f"{own}[{k * size} + j]" for k in range(num_parts))
            after.append(f"for (long j = 0; j < {width}; j++) ({output})[{columns.start} + j] = {total};")
        return " ".join(before), " ".join(body), " ".join(after)


def _power(count: int) -> int:
    """Every 2^power numbers of a cascade of so many a total is emptied into the coarser one."""
    return max(4, max(count - 1, 0).bit_length() // 4)


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
