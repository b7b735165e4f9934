"""What follows a run in a process that nobody waits for: its pictures, and what TensorBoard shows of them.

The first argument is the run's folder.
"""

import os
import sys
from pathlib import Path

from descentlab.commands.entry import brief_process

_FIGURES = ("fit", "loss", "units")
"""The cheap ones; `figures.py` draws all."""

_PATIENCE = 5.0
"""Seconds of training that may be repeated for the path of a model too large to be recorded."""


def main() -> None:
    """Draw the pictures of the run whose folder is given."""
    with brief_process():
        import torch

        from descentlab.reports.board import add_to_board
        from descentlab.reports.figures.catalogue import draw
        from descentlab.reports.subject import Subject

        torch.set_num_threads(1)  # the cores are for the next run
        folder = Path(sys.argv[1])
        subject = Subject.of_run(folder, _PATIENCE)
        list(draw(subject, _FIGURES, folder / "figures", "light"))
        add_to_board(subject, folder / "tensorboard")


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(10)  # after whatever is trained meanwhile
    main()
