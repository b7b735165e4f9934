"""The terminal, or whatever a command speaks into: where it goes away, the work goes on without it."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Terminal(io.FileIO):
    """Takes every word, also where nobody reads it any more, or the disk that it goes to is full."""

    def write(self, words: Any) -> int:
        try:
            return super().write(words)
        except OSError:
            return memoryview(words).nbytes


@contextmanager
def speaking() -> Iterator[None]:
    """Let a command end as it would, with its own exit code, where nobody hears what it says.

    Streams that somebody has put in the place of Python's own are left alone.
    """
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:  # closed by whoever started this: no file may lie there
        pass
    os.close(opened)
    held = sys.stdout, sys.stderr
    if sys.stdout is sys.__stdout__:
        sys.stdout = _over(1, sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _over(2, sys.stderr)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = held


def _over(number: int, stream: Any) -> io.TextIOWrapper:
    """A stream like Python's own of this number, which is None where it was closed."""
    raw = _Terminal(number, "w", closefd=False)
    if stream is None:
        return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8")
    return io.TextIOWrapper(
        raw if stream.write_through else io.BufferedWriter(raw),
        stream.encoding,
        stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
