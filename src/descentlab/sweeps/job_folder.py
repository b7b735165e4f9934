"""The folder of a job that was trained in a stack: the files that its lone run would have left."""

import io
import shutil
from pathlib import Path
from typing import Any

import torch

from descentlab.callbacks.checkpoint import plain_checkpoint
from descentlab.data.points import PointsDataModule
from descentlab.modules.regression import RegressionModule
from descentlab.runs.assemble import assemble
from descentlab.runs.files import TABLE, writing
from descentlab.runs.outcome import files_of
from descentlab.sweeps.compose import Job
from descentlab.sweeps.record import StackRecord


def write_job(
    record: StackRecord, k: int, job: Job, module: RegressionModule, data: PointsDataModule, folder: Path
) -> None:
    """Write the folder of member k, whole or not at all.

    Args:
        record: of the stack.
        k: which of its members.
        job: the member's.
        module, data: of the member, the module with its last parameters.
        folder: to be made.

    Raises:
        WriteError: the disk does not take it; the record of the stack has what would be in it.
    """
    making = folder.with_name(f".{folder.name}")
    if making.exists():  # of a sweep that was killed
        shutil.rmtree(making)
    texts = files_of(record.texts[k], job.settings, module, record.rows(k), record.validation(k))
    with writing(folder):
        try:
            making.mkdir()
            for name, text in texts.items():
                (making / name).write_bytes(text.encode())
            if job.settings["callbacks"].get("checkpoint") is not None:
                _save_checkpoints(record, k, module, making / "checkpoints")
            if job.hydra_files is not None:
                job.hydra_files.write(making, folder)
            if data.source is not None:
                shutil.copyfile(data.source, making / TABLE)
            making.rename(folder)
        except OSError:
            shutil.rmtree(making, ignore_errors=True)
            raise


def member_of(record: StackRecord, k: int, job: Job) -> tuple[RegressionModule, PointsDataModule]:
    """The module of member k with its last parameters, and its points, made anew from its settings.

    Raises:
        InputError: its points cannot be read any more.
    """
    data, module = assemble(job.settings)
    module.load_state_dict(record.state_of(k))
    return module, data


def _save_checkpoints(record: StackRecord, k: int, module: RegressionModule, folder: Path) -> None:
    folder.mkdir()
    last = plain_checkpoint(module, record.state_of(k), record.results[k].num_steps)
    _save({**last, "optimizer_states": [{"state": record.optimizer_of(k)}]}, folder / "last.ckpt")
    if (best := record.best_of(k)) is not None:
        state, step, loss = best
        _save({**plain_checkpoint(module, state, step), "val/loss": loss}, folder / "best.ckpt")


def _save(checkpoint: dict[str, Any], path: Path) -> None:
    content = io.BytesIO()  # torch's own writer ends the process where the disk is full
    torch.save(checkpoint, content)
    path.write_bytes(content.getbuffer())
