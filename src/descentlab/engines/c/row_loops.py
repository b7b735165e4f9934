"""Loops that run as one: over the rows (samples) of tensors, and within a row over its numbers.

Operations whose rows depend on each other only row by row share the loop over rows. So what lies between them is
a row, and stays in the processor's nearest memory, however many samples there are. Within a row, loops of equal
length that depend on each other only number by number are one loop again, and what lies between them a register.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from descentlab.engines.c.walks import ROW

LONGEST_ROW = 2048
"""Numbers of a row that is kept in place of the whole tensor."""


@dataclass(eq=False)
class RowLoop:
    """A loop over rows: what comes before it, its body, and what comes after.

    Attributes:
        size: rows; 1 for what does not go by rows.
        before, body, after: statements; `row` is the index in the body.
        head: the loop around the body, over the indices i0, i1, ...; empty if it is no such loop.
        num_indices: of these.
        strides: by the number of each piece of memory the distance of its rows, where every row of the loop
            touches its own part of it; 0 where it does not.
        elements: by the number of each piece of memory the subscripts with which it is touched.
        writes: the pieces of memory that are written to.
    """

    size: int
    before: str = ""
    body: str = ""
    after: str = ""
    head: str = ""
    num_indices: int = 0
    strides: dict[int, int] = field(default_factory=dict)
    elements: dict[int, set[str]] = field(default_factory=dict)
    writes: set[int] = field(default_factory=set)

    @property
    def is_statement(self) -> bool:
        """True if it is performed once, from its beginning to its end."""
        return self.size == 1 and not self.before and not self.after

    def depends_on(self, other: RowLoop) -> bool:
        """True if the two loops cannot change places."""
        return bool(self._shared(other))

    def can_share_rows(self, other: RowLoop) -> bool:
        """True if row k of this loop may come right after row k of the other."""
        if self.is_statement and other.is_statement:
            return True
        shared = self._shared(other)
        return self.size == other.size and all(self.strides[piece] == other.strides[piece] != 0 for piece in shared)

    def can_share_numbers(self, other: RowLoop) -> bool:
        """True if number k of this loop's rows may come right after number k of the other's."""
        return self.head == other.head != "" and all(
            self.subscript(piece) == other.subscript(piece) is not None for piece in self._shared(other)
        )

    def subscript(self, piece: int) -> str | None:
        """The one with which each number of the body's loop touches its own element of a piece of memory; None if
        there is no such one."""
        first, *others = self.elements[piece]
        is_own = self.head and all(f"i{k}" in first for k in range(self.num_indices))
        return first if is_own and not others else None

    def touches_only_in_body(self, piece: int) -> bool:
        """True if no statement before or after the loop touches this piece of memory."""
        return f"m{piece}[" not in self.before + self.after

    def _shared(self, other: RowLoop) -> set[int]:
        """The pieces of memory that one of the two writes to and the other touches."""
        return (self.writes & other.strides.keys()) | (other.writes & self.strides.keys())


class SharedLoops:
    """Loops in groups that run as one, with what lies between them a row or a number at a time.

    Args:
        loops: in the order in which they were written.
        between: the pieces of memory that hold nothing that is read after the loops.

    Attributes:
        rows: the pieces of memory of which one row at a time is kept, and how long that is.
    """

    def __init__(self, loops: Iterable[RowLoop], between: set[int]) -> None:
        self._groups = sharing_rows(loops)
        self._registers = numbers_in_place(self._groups, between)
        self.rows = rows_in_place(self._groups, between)

    def statements(self) -> str:
        """The C statements of all loops."""
        return "\n        ".join(loop_source(group, self._registers) for group in self._groups)

    def places(self, pieces: Iterable[int]) -> str:
        """The macros by which the loops find a row in these pieces of memory, and in the arrays."""
        lines = [f"#define ROW{number}(stride) ({ROW} * stride)" for number in pieces]
        return "\n".join([*lines, *(f"#define ROW{number}(stride) 0" for number in self.rows)])

    def arrays(self, width: int = 1) -> str:
        """The arrays that hold one row of `width` numbers side by side."""
        return "\n".join(
            f"float m{number}[{length * width}] __attribute__((aligned(64)));" for number, length in self.rows.items()
        )


def sharing_rows(loops: Iterable[RowLoop]) -> list[list[RowLoop]]:
    """The loops in groups that run as one, in an order that gives the same values."""
    return _grouped(loops, RowLoop.can_share_rows)


def loop_source(group: Sequence[RowLoop], registers: Collection[int] = ()) -> str:
    """The C statements of loops that run as one; the pieces of memory in `registers` are a number at a time."""
    body = "\n".join(_run_source(run, registers) for run in _sharing_numbers(group))
    if all(loop.is_statement for loop in group):
        return body
    before, after = (" ".join(getattr(loop, part) for loop in group) for part in ("before", "after"))
    return f"{before}\n        for (long {ROW} = 0; {ROW} < {group[0].size}; {ROW}++) {{\n{body}\n        }}\n{after}"


def _run_source(run: Sequence[RowLoop], registers: Collection[int]) -> str:
    body = " ".join(loop.body for loop in run)
    own = {piece: loop.subscript(piece) for loop in run for piece in loop.writes if piece in registers}
    for piece, subscript in own.items():
        body = body.replace(f"m{piece}[{subscript}]", f"v{piece}")
    return f"{run[0].head}{{ {''.join(f'float v{piece}; ' for piece in own)}{body} }}"


def numbers_in_place(groups: Sequence[Sequence[RowLoop]], pieces: set[int]) -> set[int]:
    """Of these pieces of memory, the ones of which one number at a time is needed."""
    runs = [run for group in groups for run in _sharing_numbers(group)]
    users = {piece: [loop for group in groups for loop in group if piece in loop.strides] for piece in pieces}
    return {
        piece
        for piece in pieces
        for run in runs
        if users[piece]
        and all(loop in run and loop.subscript(piece) and loop.touches_only_in_body(piece) for loop in users[piece])
    }


def rows_in_place(groups: Sequence[Sequence[RowLoop]], pieces: set[int]) -> dict[int, int]:
    """Of these pieces of memory, the ones of which one row at a time is needed, and how long that is."""
    rows = {}
    for piece in pieces:
        users = [(k, loop.strides[piece]) for k, group in enumerate(groups) for loop in group if piece in loop.strides]
        lengths = {stride for _, stride in users}
        if len({k for k, _ in users}) == 1 and len(lengths) == 1 and 0 < min(lengths) <= LONGEST_ROW:
            rows[piece] = min(lengths)
    return rows


def _sharing_numbers(group: Sequence[RowLoop]) -> list[list[RowLoop]]:
    return _grouped(group, RowLoop.can_share_numbers)


def _grouped(loops: Iterable[RowLoop], can_share: Callable[[RowLoop, RowLoop], bool]) -> list[list[RowLoop]]:
    """Each loop in the last group whose loops it can share with, if it may go there before those that follow."""
    groups: list[list[RowLoop]] = []
    for loop in loops:
        for group in reversed(groups):
            if all(can_share(loop, other) for other in group):
                group.append(loop)
                break
            if any(loop.depends_on(other) for other in group):
                groups.append([loop])
                break
        else:
            groups.append([loop])
    return groups
