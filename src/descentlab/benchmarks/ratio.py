"""One comparison: what is measured, and what the figures come to."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

ROUNDS = 7
"""Measurements of each side, at least."""


@dataclass(frozen=True)
class Case:
    """A comparison with a goal.

    Attributes:
        name: as the table shows it.
        goal: the ratio that is wanted at most; None where the ratio is to be known alone.
        unit: of both: `step` (microseconds), `process` (seconds) or `memory` (GiB).
        ours, peer: measure once; return the time in seconds, of a step or of a process, or the bytes.
        rounds: measurements of each side.
    """

    name: str
    goal: float | None
    unit: str
    ours: Callable[[], float]
    peer: Callable[[], float]
    rounds: int = ROUNDS


@dataclass(frozen=True)
class Figures:
    """What a case came to: medians in seconds, and the median of the ratios of neighbouring measurements."""

    name: str
    unit: str
    ours: float
    peer: float
    ratio: float
    goal: float | None

    @property
    def reached(self) -> bool:
        """Whether the ratio is within the goal, if there is one."""
        return self.goal is None or self.ratio <= self.goal


def measure(case: Case) -> Figures:
    """Measure both sides in turn, `case.rounds` times after one round that does not count; a single round counts.

    The load of a shared machine changes within seconds; so each ratio is taken of two measurements made
    one after the other, and of these ratios the median.
    """
    if case.rounds > 1:
        case.ours(), case.peer()
    pairs = [(case.ours(), case.peer()) for _ in range(case.rounds)]
    return figures(case, pairs)


def figures(case: Case, pairs: Sequence[tuple[float, float]]) -> Figures:
    """The medians of pairs (ours, peer)."""
    return Figures(
        case.name,
        case.unit,
        ours=statistics.median(ours for ours, _ in pairs),
        peer=statistics.median(peer for _, peer in pairs),
        ratio=statistics.median(ours / peer for ours, peer in pairs),
        goal=case.goal,
    )
