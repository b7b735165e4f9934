"""`stability.py`: the largest learning rate that gradient descent bears, before any training (lesson 4b)."""

from collections.abc import Sequence
from typing import Literal

from descentlab.commands.entry import run
from descentlab.commands.run_folder import run_folder
from descentlab.settings.command_line import read_arguments
from descentlab.settings.compose import compose

HELP = """
python scripts/stability.py experiment=cubic
python scripts/stability.py run=<run folder> [checkpoint=last|best]

The largest curvature lambda_max of the training loss and the learning rate from
which gradient descent does not converge, 2 / lambda_max, beside optimizer.lr.
Exact for a model that is linear in its coefficients and mse or sse, and the
same at all parameters; else by Hessian-vector products, at the model's start
or, with run=, at its trained parameters. Takes what scripts/train.py takes.
"""


def main() -> None:
    """Run the command line."""
    run(_stability, HELP)


def _stability(arguments: Sequence[str]) -> None:
    if any(argument.startswith("run=") for argument in arguments):
        schema = {"run": str, "checkpoint": Literal["last", "best"]}
        given = read_arguments(arguments, schema, required=["run"])
        folder = run_folder(given["run"])
        from descentlab.reports.stability import stability_table  # torch is imported now, not to say no
        from descentlab.runs.load import load_data, load_module
        from descentlab.runs.stability import stability

        found = stability(load_module(folder, given.get("checkpoint", "last")), load_data(folder))
        print(stability_table(found, "at the trained parameters"))
        return
    settings = compose(arguments)
    from descentlab.reports.stability import stability_table  # torch is imported now, not to say no
    from descentlab.runs.stability import start_stability

    print(stability_table(start_stability(settings), "at the start"))
