"""What follows a run or a sweep in a process that nobody waits for: the pictures of a run, and what TensorBoard
shows of it, or of the jobs of a sweep that it shows.

The arguments are a run's folder, or `board` and the folders of jobs.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from descentlab.commands.entry import brief_process
from descentlab.errors import InputError
from descentlab.extras import installation_of, is_missing

_BOARD = "board"
_FIGURES = ("fit", "loss", "units")
"""The cheap ones; `figures.py` draws all."""

_PATIENCE = 5.0
"""Seconds of training that may be repeated for the path of a model too large to be recorded."""


def draw_in_background(folder: Path) -> None:
    """Begin to draw the pictures of a run in a process that nobody waits for, for it takes longer than most runs.

    Without a plotting library nothing is drawn, and one line says what installs it.
    """
    _begin([str(folder)])


def add_to_boards_in_background(folders: Sequence[Path]) -> None:
    """Likewise for the jobs of a sweep, about a second each: the fit over the training and the graph, for
    TensorBoard alone."""
    if folders:
        _begin([_BOARD, *map(str, folders)])


def _begin(arguments: Sequence[str]) -> None:
    if is_missing("matplotlib"):
        print(f"figures/ is not drawn: {installation_of('matplotlib')}", file=sys.stderr)
        return
    subprocess.Popen(
        [sys.executable, "-m", "descentlab.commands.background", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def main() -> None:
    """Draw what the arguments ask for."""
    with brief_process():
        import torch

        from descentlab.reports.figures.catalogue import draw
        from descentlab.reports.subject import Subject
        from descentlab.reports.tensorboard.run_pictures import add_to_board

        torch.set_num_threads(1)  # the cores are for the next run
        names = sys.argv[1:]
        is_sweep = names[0] == _BOARD
        for folder in map(Path, names[is_sweep:]):
            with suppress(InputError):  # a folder that is gone meanwhile
                subject = Subject.of_run(folder, _PATIENCE)
                if not is_sweep:
                    list(draw(subject, _FIGURES, folder / "figures", "light"))
                add_to_board(subject, folder / "tensorboard")


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(10)  # after whatever is trained meanwhile
    main()
