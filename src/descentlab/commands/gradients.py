"""`gradients.py`: the gradient at a model's start three ways, side by side (lesson 1b)."""

from collections.abc import Sequence

from descentlab.commands.entry import run
from descentlab.settings.compose import compose

HELP = """
python scripts/gradients.py experiment=americano

The gradient of the training loss at the model's start: by forward difference
(h = 0.001), by autograd, and by the formula where the model is linear in its
coefficients and the loss is mse or sse. Takes what scripts/train.py takes.
"""


def main() -> None:
    """Run the command line."""
    run(_gradients, HELP)


def _gradients(arguments: Sequence[str]) -> None:
    settings = compose(arguments)
    from descentlab.reports.table import gradient_table  # torch is imported now, not to say no
    from descentlab.runs.gradients import start_gradients

    print(gradient_table(start_gradients(settings)))
