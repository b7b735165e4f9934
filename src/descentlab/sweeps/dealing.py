"""Pieces of a sweep dealt to the tasks of a cluster, which limits how many tasks there may be."""

import sys
from collections.abc import Sequence

from descentlab.sweeps.pieces import Piece, Results


def deal(pieces: Sequence[Piece], most: int) -> list[list[Piece]]:
    """At most `most` tasks with about as many jobs each: every piece, the biggest first, goes to the task
    that has the fewest jobs yet.

    Args:
        pieces: of one sweep.
        most: tasks.
    """
    tasks: list[list[Piece]] = [[] for _ in range(min(most, len(pieces)))]
    sizes = [0] * len(tasks)
    for piece in sorted(pieces, key=lambda piece: len(piece.jobs), reverse=True):
        k = sizes.index(min(sizes))
        tasks[k].append(piece)
        sizes[k] += len(piece.jobs)
    return tasks


def lost(pieces: Sequence[Piece], why: str) -> Results:
    """The results of pieces whose worker is gone, after one line that says so."""
    numbers = sorted(job.number for piece in pieces for job in piece.jobs)
    print(f"a worker failed with jobs {numbers[0]} to {numbers[-1]}: {why}", file=sys.stderr)
    return dict.fromkeys(numbers)
