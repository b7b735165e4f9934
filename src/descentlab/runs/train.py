"""One run: settings in, a run folder with its history, result and checkpoints out."""

import logging
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Trainer

from descentlab.callbacks.history import History
from descentlab.callbacks.steps import callbacks_of
from descentlab.callbacks.validation import validation_losses
from descentlab.data.points import PointsDataModule
from descentlab.modules.regression import RegressionModule
from descentlab.processes import is_first_process
from descentlab.runs.agreement import sharing_errors
from descentlab.runs.assemble import assemble, build_trainer
from descentlab.runs.chunks import Chunks, why_step_by_step
from descentlab.runs.dashboard import log_dashboard
from descentlab.runs.elastic import check_started
from descentlab.runs.files import TABLE, write_whole
from descentlab.runs.hyperparameters import log_hyperparameters
from descentlab.runs.outcome import config_text, files_of, outcome_of
from descentlab.runs.result import Result, Status
from descentlab.runs.stability import rate_warning
from descentlab.runs.stop_together import stopping_together
from descentlab.runs.trainer import quietly


def train(settings: Mapping[str, Any], folder: Path) -> Result:
    """Train as the settings say, and leave everything in `folder`.

    Args:
        settings: checked plain values, as `descentlab.settings.compose` gives them.
        folder: of the run; it exists, and is this run's alone.

    Returns:
        What is also in `result.json`.

    Raises:
        InputError: the points cannot be read, or the settings do not go together.
    """
    began = time.perf_counter()
    torch.set_num_threads(1)
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    check_started(settings["trainer"])
    with sharing_errors():
        data, module = assemble(settings)
        trainer = build_trainer(settings, folder)
    if (warning := rate_warning(module, data)) is not None and is_first_process():
        print(warning, file=sys.stderr)
    if trainer.is_global_zero:
        write_whole(folder / "config.yaml", config_text(settings))
        if data.source is not None:
            write_whole(folder / TABLE, data.source.read_bytes())
    log_dashboard(trainer.loggers, settings)
    _choose_stepping(settings, data, module, trainer)
    started = time.perf_counter()
    status: Status = "failed"
    stopping = _stopping_at_signals if trainer.world_size == 1 else stopping_together
    try:
        with stopping(trainer) as received, quietly():
            trainer.fit(module, datamodule=data)
        status = "diverged" if module.diverged else "interrupted" if received else "completed"
    finally:
        result = outcome_of(
            module,
            data,
            status=status,
            num_steps=trainer.global_step,
            seconds={"setup": started - began, "training": time.perf_counter() - started},
            engine=_engine_of(module, trainer),
            folder=folder,
        )
        if trainer.is_global_zero:
            _write(result, settings, data, module, trainer)
    return result


def _choose_stepping(
    settings: Mapping[str, Any], data: PointsDataModule, module: RegressionModule, trainer: Trainer
) -> None:
    engine: str = settings["trainer"]["engine"]
    reason = why_step_by_step(module, trainer, engine)
    if reason is not None:
        if engine != "lightning" and trainer.is_global_zero:
            print(f"Lightning makes each step itself: {reason}", file=sys.stderr)
        return
    callbacks = callbacks_of(trainer)
    module.train_in_chunks(data.batches, engine)
    history = next(callback for callback in callbacks if isinstance(callback, History))
    data.chunks = Chunks(callbacks, history, start=0, stop=settings["trainer"]["max_steps"])


def _engine_of(module: RegressionModule, trainer: Trainer) -> str:
    """What made the steps; `none` where there were none to be made."""
    if trainer.max_steps == 0:
        return "none"
    return "lightning" if module.engine is None else module.engine.name


def _write(
    result: Result,
    settings: Mapping[str, Any],
    data: PointsDataModule,
    module: RegressionModule,
    trainer: Trainer,
) -> None:
    callbacks = callbacks_of(trainer)
    history = next(callback for callback in callbacks if isinstance(callback, History))
    files = files_of(result, settings, module, history.rows(), validation_losses(trainer))
    log_hyperparameters(trainer.loggers, settings, result)
    for name, text in files.items():
        write_whole(result.folder / name, text)


@contextmanager
def _stopping_at_signals(trainer: Trainer) -> Iterator[list[int]]:
    """Let SIGINT and SIGTERM stop the run at the next event; the list holds the signals that came."""
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        trainer.should_stop = True
        # Lightning notes a SIGTERM too, and would leave by an exception, without a last checkpoint.
        trainer._signal_connector.received_sigterm = False
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    names = (signal.SIGINT, signal.SIGTERM)
    try:
        held = {number: signal.signal(number, stop) for number in names}
    except ValueError:  # not the main thread, where signals cannot be handled
        held = {}
    try:
        yield received
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
