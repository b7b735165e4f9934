"""Signals that ask a run to stop: it stops at the next step, and leaves a checkpoint to go on from."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

from lightning.pytorch import Callback, Trainer

from descentlab.callbacks.steps import callbacks_of

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
"""Ctrl-C; what `kill` and batch systems send; what SLURM is asked to send before it preempts a job."""


@contextmanager
def stopping_alone(trainer: Trainer) -> Iterator[list[int]]:
    """Let one of `SIGNALS` stop the run at the next step, and a second one end the process at once; the list
    holds the first, if one came."""
    interruption = Interruption()
    callbacks_of(trainer).append(interruption)
    with interruption:
        yield interruption.received


class Interruption(Callback):
    """The handlers of `SIGNALS` within its `with` block.

    Attributes:
        received: the signal that came, if one did.
    """

    def __init__(self) -> None:
        self.received: list[int] = []
        self._trainer: Trainer | None = None
        self._held: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        try:
            self._held = {number: signal.signal(number, self._stop) for number in SIGNALS}
        except ValueError:  # not the main thread, where signals cannot be handled
            self._held = {}
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._held.items():
            signal.signal(number, handler)

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        self._trainer = trainer
        # In place of Lightning's own, which leave a SIGTERM's run without a last checkpoint, and start a
        # SLURM job anew from its first step.
        for number in self._held:
            signal.signal(number, self._stop)
        if self.received:
            trainer.should_stop = True

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.received:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.received.append(number)
        if self._trainer is not None:
            self._trainer.should_stop = True
            # Where Lightning's handler stands before this one, it has noted a SIGTERM, and would raise.
            self._trainer._signal_connector.received_sigterm = False
        if number == signal.SIGINT:
            os.write(2, b"\nstopping at the next step; once more ends at once\n")
