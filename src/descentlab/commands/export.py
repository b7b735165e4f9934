"""`export.py`: a run's trained model as a file that needs no descentlab."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from descentlab.commands.entry import run
from descentlab.commands.run_folder import run_folder
from descentlab.settings.command_line import read_arguments

HELP = """
python scripts/export.py run=<run folder> to=model.pt2  [checkpoint=last|best]
python scripts/export.py run=<run folder> to=model.onnx

A .pt2 is a program of torch.export, a .onnx runs in ONNX Runtime and its like
(pip install 'descentlab[onnx]' to write it). Either takes x of shape (sample,
feature) in the units of the data, and gives the predictions in theirs.
"""


def main() -> None:
    """Run the command line."""
    run(_export, HELP)


def _export(arguments: Sequence[str]) -> None:
    schema = {"run": str, "to": str, "checkpoint": Literal["last", "best"]}
    given = read_arguments(arguments, schema, required=["run", "to"])
    folder = run_folder(given["run"])
    from descentlab.runs.export import export  # torch is imported now, not to say no

    export(folder, Path(given["to"]), given.get("checkpoint", "last"))
    print(given["to"])
