"""`evaluate.py`: the metrics of a run on its training, validation and test points."""

from collections.abc import Sequence
from typing import Literal

from descentlab.commands.entry import run
from descentlab.commands.run_folder import run_folder
from descentlab.settings.command_line import read_arguments

HELP = """
python scripts/evaluate.py run=<run folder> [checkpoint=last|best]

Loss and mean squared error on the training, validation and test points; the
model and the data are rebuilt from the run folder alone.
"""


def main() -> None:
    """Run the command line."""
    run(_evaluate, HELP)


def _evaluate(arguments: Sequence[str]) -> None:
    schema = {"run": str, "checkpoint": Literal["last", "best"]}
    given = read_arguments(arguments, schema, required=["run"])
    folder = run_folder(given["run"])
    from descentlab.runs.judge import evaluate  # torch is imported now, not to say no

    stages = evaluate(folder, given.get("checkpoint", "last"))
    print(f"{'':<6}{'loss':>14}{'mse':>14}")
    for stage, metrics in stages.items():
        print(f"{stage:<6}{metrics['loss']:>14.6g}{metrics['mse']:>14.6g}")
