"""One run: settings in, a run folder with its history, result and checkpoints out."""

import logging
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer

from descentlab.callbacks.checkpoint import check_logs
from descentlab.callbacks.history import History
from descentlab.callbacks.manual_steps import ManualSteps
from descentlab.callbacks.steps import callbacks_of
from descentlab.callbacks.validation import validation_losses
from descentlab.data.points import PointsDataModule
from descentlab.engines.drawing import drawing
from descentlab.errors import InputError, WriteError
from descentlab.modules.regression import RegressionModule
from descentlab.processes import as_called, is_first_process, rank
from descentlab.runs.agreement import sharing_errors
from descentlab.runs.assemble import assemble, build_trainer
from descentlab.runs.beginning import begin_in
from descentlab.runs.chunks import Chunks, why_step_by_step
from descentlab.runs.dashboard import log_dashboard
from descentlab.runs.elastic import check_started
from descentlab.runs.files import LAST_CHECKPOINT, TABLE, config_text, write_whole
from descentlab.runs.hyperparameters import log_hyperparameters
from descentlab.runs.interruption import stopping_alone
from descentlab.runs.load import check_weights, read_checkpoint, settings_of_table
from descentlab.runs.lock import hold
from descentlab.runs.outcome import files_of, outcome_of
from descentlab.runs.result import Result, Status
from descentlab.runs.stability import rate_warning
from descentlab.runs.stop_together import stopping_together
from descentlab.runs.trainer import quietly


def train(settings: Mapping[str, Any], folder: Path, warns: bool = True, callbacks: Sequence[Callback] = ()) -> Result:
    """Train as the settings say, and leave everything in `folder`.

    Args:
        settings: checked plain values, as `descentlab.settings.compose` gives them.
        folder: of the run; it exists, and is this run's alone.
        warns: whether it says at the start that the learning rate is above the stability limit, and why the steps
            are not made by the engine asked for; the many jobs of a sweep do not.
        callbacks: beside those of the settings.

    Returns:
        What is also in `result.json`.

    Raises:
        InputError: the points cannot be read, or the settings do not go together, for Lightning neither.
        WriteError: the disk takes no more; the last checkpoint is whole, and the run can go on from it.
    """
    with hold(folder):
        return train_held(settings, folder, warns=warns, callbacks=callbacks)


def train_held(
    settings: Mapping[str, Any],
    folder: Path,
    start: int | None = None,
    warns: bool = True,
    callbacks: Sequence[Callback] = (),
) -> Result:
    """Train in a folder that this process holds, from the beginning or from the last checkpoint in it.

    Args:
        settings, folder, warns, callbacks: as `train` takes them.
        start: the step of the last checkpoint, to go on from there; None begins.
    """
    began = time.perf_counter()
    torch.set_num_threads(1)
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    check_started(settings["trainer"])
    if is_first_process() and not (folder / "config.yaml").is_file():
        write_whole(folder / "config.yaml", config_text(settings))
    data, module, trainer = _assembled(settings, folder, start, callbacks)
    if is_first_process():  # the others must not take away what it writes
        begin_in(folder, settings, data, start)
    begins = start is None and settings["trainer"]["max_steps"] > 0 and is_first_process()
    if warns and begins and (warning := rate_warning(module, data)) is not None:
        print(as_called(warning), file=sys.stderr)
    if start is None:
        log_dashboard(trainer.loggers, settings)
    _choose_stepping(settings, data, module, trainer, start or 0, warns)
    checkpoint = None if start is None else folder / LAST_CHECKPOINT
    started = time.perf_counter()
    status: Status = "failed"
    interrupted_by: str | None = None
    try:
        status, interrupted_by = _fit(settings, data, module, trainer, checkpoint)
    finally:
        if start is None or _history_of(trainer).rows().steps:  # else its past could not be loaded, and stays as it is
            result = outcome_of(
                module,
                data,
                status=status,
                num_steps=trainer.global_step,
                seconds={"setup": started - began, "training": time.perf_counter() - started},
                engine=_engine_of(module, trainer),
                folder=folder,
                interrupted_by=interrupted_by,
            )
            if trainer.is_global_zero:
                _write(result, settings, data, module, trainer)
    return result


def _assembled(
    settings: Mapping[str, Any], folder: Path, start: int | None, callbacks: Sequence[Callback]
) -> tuple[PointsDataModule, RegressionModule, Trainer]:
    """What a run is made of; one that goes on reads its table from the copy in its folder, and fits its checkpoint."""
    with sharing_errors():
        has_copy = (folder / TABLE).is_file()
        points = settings_of_table(settings["data"], folder) if has_copy or start is not None else settings["data"]
        data, module = assemble({**settings, "data": points})
        module.config = dict(settings)
        own = [] if module.automatic_optimization else [ManualSteps()]
        trainer = build_trainer(settings, folder, [*own, *callbacks])
        if start is not None:
            state = read_checkpoint(folder / LAST_CHECKPOINT)
            check_weights(state, folder / LAST_CHECKPOINT, module)
            check_logs(trainer, state)
    return data, module, trainer


def _fit(
    settings: Mapping[str, Any],
    data: PointsDataModule,
    module: RegressionModule,
    trainer: Trainer,
    checkpoint: Path | None,
) -> tuple[Status, str | None]:
    """Let the trainer fit; how that ended, and the name of the signal that stopped it, if one did."""
    stopping = stopping_alone if trainer.world_size == 1 else stopping_together
    seed = settings["model"]["seed"] + rank()
    try:
        with stopping(trainer) as received, quietly(), drawing(seed, trainer.strategy.root_device):
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    except MisconfigurationException as error:
        reason = " ".join(str(error).split())
        raise InputError(f"trainer, model: expected settings that Lightning can train with, but {reason}") from error
    if module.diverged:
        return "diverged", None
    if module.pruned:
        return "pruned", None
    if received and trainer.global_step < trainer.max_steps:
        return "interrupted", signal.Signals(received[0]).name
    return "completed", None


def _choose_stepping(
    settings: Mapping[str, Any],
    data: PointsDataModule,
    module: RegressionModule,
    trainer: Trainer,
    start: int,
    warns: bool,
) -> None:
    engine: str = settings["trainer"]["engine"]
    reason = why_step_by_step(module, trainer, engine)
    if reason is not None:
        if engine != "lightning" and warns and trainer.is_global_zero:
            print(f"Lightning makes each step itself: {reason}", file=sys.stderr)
        return
    module.train_in_chunks(data.batches, engine, warns)
    data.chunks = Chunks(
        callbacks_of(trainer), _history_of(trainer), start=start, stop=settings["trainer"]["max_steps"]
    )


def _history_of(trainer: Trainer) -> History:
    return next(callback for callback in callbacks_of(trainer) if isinstance(callback, History))


def _engine_of(module: RegressionModule, trainer: Trainer) -> str:
    """What made the steps; `none` where there were none to be made."""
    return "none" if trainer.max_steps == 0 else module.engine_name


def _write(
    result: Result,
    settings: Mapping[str, Any],
    data: PointsDataModule,
    module: RegressionModule,
    trainer: Trainer,
) -> None:
    rows = _history_of(trainer).rows()
    files = files_of(result.to_json(), settings, module, rows, validation_losses(trainer))
    del files["config.yaml"]  # there since the beginning
    writers = [
        partial(log_hyperparameters, trainer.loggers, settings, result),
        *(partial(write_whole, result.folder / name, text) for name, text in files.items()),
    ]
    last = writers.pop()  # the result, which says that the others are there
    failures: list[WriteError] = []
    for write in writers:
        try:
            write()
        except WriteError as failure:
            failures.append(failure)
    if failures:
        raise failures[0]
    last()
