"""`figures.py`: the pictures of a run, or of a model that is not trained."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from descentlab.commands.entry import run
from descentlab.commands.run_folder import run_folder
from descentlab.errors import InputError, did_you_mean
from descentlab.extras import need
from descentlab.runs.files import file_of
from descentlab.settings.command_line import read_arguments
from descentlab.settings.compose import compose

HELP = """
python scripts/figures.py run=<run folder>                    all figures of a run, into its figures/
python scripts/figures.py run=<run folder> only=[fit,loss] style=dark
python scripts/figures.py run=<run folder> animate=true       the training as figures/training.gif
python scripts/figures.py model=linear model.initial_coefficients=[2.5,3.5] data=americano
                                                              a given model, untrained: what train.py takes

fit           points, true law and fit
loss          training and validation loss, logarithmic, with the lowest error that can be reached
first_update  the fit before and after the first gradient step
landscape     the path of the parameters over contours of the loss
units         the hidden units taken apart: pre-activation, activation, contribution, sum
residuals     target minus prediction
diagram       the network as layers and nodes

out=<folder> draws elsewhere. What a model does not have is left out, with a line that says why.
"""

_SCHEMA: dict[str, Any] = {
    "run": str,
    "only": str | list[str],
    "style": Literal["light", "dark"],
    "animate": bool,
    "out": str,
}
_UNTRAINED = ("fit", "units", "residuals", "diagram")


def main() -> None:
    """Run the command line."""
    run(_figures, HELP)


def split_arguments(arguments: Sequence[str], own: Sequence[str]) -> tuple[list[str], list[str]]:
    """The arguments of a command by its `own` keys, and the rest, which are settings."""
    mine = [argument for argument in arguments if argument.partition("=")[0] in own]
    return mine, [argument for argument in arguments if argument not in mine]


def _figures(arguments: Sequence[str]) -> None:
    mine, settings = split_arguments(arguments, list(_SCHEMA))
    is_run = any(argument.startswith("run=") for argument in mine)
    given = read_arguments(arguments if is_run else mine, _SCHEMA)
    need("matplotlib", "figures")
    if not is_run and given.get("animate"):
        raise InputError("animate: expected run=<run folder>, for what is not trained does not move.")
    composed = {} if is_run else compose(settings)
    from descentlab.reports.figures.catalogue import FIGURES, draw  # torch is imported now, not to say no
    from descentlab.reports.subject import Subject

    names = given.get("only", list(FIGURES) if is_run else list(_UNTRAINED))
    names = [names] if isinstance(names, str) else names
    for name in names:
        if name not in FIGURES:
            raise InputError(f"only: there is no figure {name}; {did_you_mean(name, FIGURES)}")
    subject = Subject.of_run(run_folder(given["run"])) if is_run else Subject.of_settings(composed)
    default = file_of(Path(given["run"]), "figures") if is_run else Path("outputs/figures") / composed["name"]
    folder, style = Path(given.get("out", default)), given.get("style", "light")
    for line in draw(subject, names, folder, style):
        print(line)
    if given.get("animate"):
        from descentlab.reports.figures.animation import animate

        print(animate(subject, folder / "training.gif", style))
