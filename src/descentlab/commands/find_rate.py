"""`find_rate.py`: which learning rate to begin with: the loss that each of many leads to."""

from collections.abc import Sequence

from descentlab.commands.entry import run
from descentlab.settings.compose import compose

HELP = """
python scripts/find_rate.py model=relu_net
python scripts/find_rate.py model=wide_net optimizer=adam trainer.max_steps=100

Trains the run from its own start at 37 learning rates from 1e-5 to 10, as one
stack, for trainer.max_steps steps each, and prints the loss at the end of each,
the stability limit 2 / lambda_max, and the rate that went lowest. Writes
nothing. Takes what scripts/train.py takes.
"""


def main() -> None:
    """Run the command line."""
    run(_find_rate, HELP)


def _find_rate(arguments: Sequence[str]) -> None:
    compose(arguments)  # says no before torch is imported
    from descentlab.sweeps.rate_table import rate_table
    from descentlab.sweeps.rates import search_rates

    print(rate_table(search_rates(arguments)))
