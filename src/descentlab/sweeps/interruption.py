"""A sweep that a signal stops: what has ended is kept, and one line says how to go on."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from descentlab.runs.interruption import SIGNALS


@contextmanager
def stopping_at_signals(folder: Path) -> Iterator[None]:
    """Let one of `SIGNALS` end the process; workers and stacks in training end with it.

    Args:
        folder: of the sweep.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        end_stopped(signal.Signals(number).name, folder)

    try:
        held = {number: signal.signal(number, stop) for number in SIGNALS}
    except ValueError:  # not the main thread, where signals cannot be handled
        held = {}
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)


def end_stopped(name: str, folder: Path) -> NoReturn:
    """Say how to go on with a sweep that a signal has stopped, and exit with 128 and the signal's number."""
    print(f"stopped by {name}; the same command with resume={folder} goes on", file=sys.stderr)
    raise SystemExit(128 + signal.Signals[name])
