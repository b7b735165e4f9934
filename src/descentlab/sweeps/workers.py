"""Pieces of a sweep on the cores of this machine, each in a process of its own."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from descentlab.sweeps.interruption import SIGNALS
from descentlab.sweeps.pieces import Piece, Results, run_piece


def num_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_cores(pieces: Sequence[Piece], num_workers: int) -> Iterator[Results]:
    """Train pieces side by side, at most `num_workers` at a time; one alone in this process.

    A process that dies takes its own piece with it, whose jobs have no result then.

    Args:
        pieces: of one sweep.
        num_workers: processes at a time.
    """
    if len(pieces) == 1 or num_workers == 1:
        yield from map(run_piece, pieces)
        return
    # A fork has torch imported already; where forks are unsafe (macOS) a worker starts from nothing.
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    waiting = list(reversed(pieces))
    running: dict[Any, tuple[Any, Piece]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < num_workers:
                piece = waiting.pop()
                mine, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(piece, theirs, len(waiting) + 1 == len(pieces)))
                process.start()
                theirs.close()
                running[mine] = (process, piece)
            for connection in wait(list(running)):
                assert isinstance(connection, Connection)
                process, piece = running.pop(connection)
                yield _received(connection, piece)
                process.join()
    finally:
        for process, _ in running.values():
            process.terminate()


def _work(piece: Piece, results: Connection, is_first: bool) -> None:
    for number in SIGNALS:  # the process that shares the work out hears them, and ends its workers
        signal.signal(number, signal.SIG_DFL)
    if not is_first:
        sys.stderr.isatty = lambda: False  # type: ignore[method-assign]  # so that one bar is drawn
    results.send(run_piece(piece))


def _received(connection: Connection, piece: Piece) -> Results:
    try:
        results: Results = connection.recv()
        return results
    except EOFError:
        numbers = [job.number for job in piece.jobs]
        print(f"a worker died; jobs {numbers[0]} to {numbers[-1]} have no result", file=sys.stderr)
        return dict.fromkeys(numbers)
