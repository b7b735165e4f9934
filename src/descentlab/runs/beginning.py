"""The folder of a run as it begins, or goes on: before this, nothing in it has changed."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from descentlab.data.points import PointsDataModule
from descentlab.runs.files import TABLE, config_text, remove_temporaries, write_whole

_OF_THE_STEPS = ("checkpoints", "csv", "figures", "history.csv", "tensorboard")
"""What a run leaves that was stopped before its first checkpoint, and makes again."""


def begin_in(folder: Path, settings: Mapping[str, Any], data: PointsDataModule, start: int | None) -> None:
    """Take away what is to be made again, and leave the settings and the copy of the table.

    The result goes first: a folder that has one is that of a run that has ended.

    Args:
        folder: of the run.
        settings: of the run, with those that changed since it was stopped.
        data: its points, read.
        start: the step to go on from; None begins.
    """
    remove_temporaries(folder)
    (folder / "result.json").unlink(missing_ok=True)
    if start is None:
        for name in _OF_THE_STEPS:
            shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink(missing_ok=True)
    path, text = folder / "config.yaml", config_text(settings)
    if path.read_text(encoding="utf-8") != text:
        write_whole(path, text)
    if data.source is not None and data.source != folder / TABLE:
        write_whole(folder / TABLE, data.source.read_bytes())
