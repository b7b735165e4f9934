"""The one stop of several processes that train together."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, Trainer

from descentlab.callbacks.steps import callbacks_of
from descentlab.modules.together import highest
from descentlab.runs.interruption import SIGNALS


@contextmanager
def stopping_together(trainer: Trainer) -> Iterator[list[int]]:
    """Let one of `SIGNALS` to any process stop the run of all; the list holds the signals that came.

    A process that outlives its agent, killed without a word, takes that for a SIGTERM.

    The handlers stay: torch's agent sends a signal to every process when one has failed, and the first
    is to write its files nevertheless. What does not end is killed by the agent half a minute later.
    """
    stop = StopTogether()
    callbacks_of(trainer).insert(0, stop)
    yield stop.received


class StopTogether(Callback):
    """Ends the run of all processes after the same step, once a signal has come to any of them.

    Attributes:
        received: the signals that came, to this process or to another.
    """

    def __init__(self) -> None:
        self.received: list[int] = []
        self._agent = os.getppid()

    def setup(self, trainer: Trainer, pl_module: Any, stage: str) -> None:
        self._listen()  # before Lightning, which puts back at its end what it finds now

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        self._listen()  # in Lightning's place, whose handler asks the others when they do not answer

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        lost = signal.SIGTERM if os.getppid() != self._agent else 0
        number = highest(max(self.received, default=lost), trainer.strategy.root_device)
        if number > 0:
            self.received.append(number)
            trainer.should_stop = True

    def _listen(self) -> None:
        for number in SIGNALS:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received.append(number)
