"""`figures.py`: the pictures of a run, drawn from its folder."""

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from descentlab.commands.entry import run
from descentlab.errors import InputError
from descentlab.settings.command_line import read_arguments

HELP = """
python scripts/figures.py run=<run folder>

Draws figures/fit.png: data, fit and true law.
"""


def main() -> None:
    """Run the command line."""
    run(_figures, HELP)


def draw_in_background(folder: Path) -> None:
    """Begin to draw the pictures of a run in a process that nobody waits for.

    Drawing takes longer than most runs. Without a plotting library nothing is drawn, and one line says
    what installs it.
    """
    if importlib.util.find_spec("matplotlib") is None:
        print("figures/ is not drawn: pip install 'descentlab[figures]'", file=sys.stderr)
        return
    subprocess.Popen(
        [sys.executable, "-m", "descentlab.commands.figures", f"run={folder}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _figures(arguments: Sequence[str]) -> None:
    given = read_arguments(arguments, {"run": str}, required=["run"])
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError("figures need matplotlib, which is not installed: pip install 'descentlab[figures]'")
    from descentlab.reports.figures.fit import draw_fit  # torch is imported now, not to say no

    print(draw_fit(Path(given["run"])))


if __name__ == "__main__":
    main()
