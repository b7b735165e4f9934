"""`soak.py`: runs that are killed at random points and go on, held against one that was not."""

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from descentlab.commands.entry import run
from descentlab.settings.command_line import read_arguments
from descentlab.settings.compose import compose
from descentlab.settings.groups import NonNegativeInt, PositiveInt

HELP = """
python scripts/soak.py kills=100 [chance=0] [model=relu_net optimizer=adam …]

Kills runs of what the settings compose with SIGKILL, at random moments and in
the midst of writing, and lets them go on until they end. Each must then be
bit for bit the run that was not killed: weights, states, history, logs, result.
chance= is the seed of the moments; the rest is what scripts/train.py takes
(callbacks.checkpoint.every=20 callbacks.checkpoint.seconds=0 unless given).
Exits with 1 and keeps the folders if anything differs.
"""

_OFTEN = ("callbacks.checkpoint.every=20", "callbacks.checkpoint.seconds=0")


def main() -> None:
    """Run the command line."""
    run(_soak, HELP)


def _soak(arguments: Sequence[str]) -> None:
    own = [word for word in arguments if word.partition("=")[0] in ("kills", "chance")]
    given = read_arguments(own, {"kills": PositiveInt, "chance": NonNegativeInt}, required=["kills"])
    settings = compose([*_OFTEN, *(word for word in arguments if word not in own)])
    from descentlab.runs.soak import soak  # torch is imported now, not to say no

    folder = Path(tempfile.mkdtemp(prefix="descentlab-soak-"))
    kills = wrong = number = 0
    for times, found in soak(settings, folder, given["kills"], given.get("chance", 0)):
        number += 1
        kills += times
        wrong += bool(found)
        for name in found:
            print(f"run {number}: {name} differs", file=sys.stderr)
    print(f"{kills} kills, {number} runs, {wrong} of them different from the run without a kill")
    if wrong:
        print(f"folder  {folder}")
        sys.exit(1)
    shutil.rmtree(folder)
