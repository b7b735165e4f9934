"""`diagram.py`: a network as layers and nodes (lesson 4j)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from descentlab.commands.entry import run
from descentlab.commands.figures import split_arguments
from descentlab.commands.run_folder import run_folder
from descentlab.errors import InputError
from descentlab.extras import need
from descentlab.runs.files import file_of
from descentlab.settings.command_line import read_arguments
from descentlab.settings.compose import compose

HELP = """
python scripts/diagram.py model=relu_net model.hidden_width=2   the weights of the start; takes what train.py takes
python scripts/diagram.py run=<run folder>                      the trained weights, into its figures/

Writes diagram.svg and diagram.png: layers, nodes, the function that each layer applies, and the weights on
the edges where they are few. Layers past a dozen nodes are shortened, with their count.
style=dark  out=<folder>
"""

_SCHEMA = {"run": str, "style": Literal["light", "dark"], "out": str}


def main() -> None:
    """Run the command line."""
    run(_diagram, HELP)


def _diagram(arguments: Sequence[str]) -> None:
    mine, settings = split_arguments(arguments, list(_SCHEMA))
    is_run = any(argument.startswith("run=") for argument in mine)
    given = read_arguments(arguments if is_run else mine, _SCHEMA)
    need("matplotlib", "diagram")
    composed = {} if is_run else compose(settings)
    from descentlab.reports.figures.diagram import diagram_figure  # torch is imported now, not to say no
    from descentlab.reports.figures.style import save, styled
    from descentlab.reports.subject import CannotDraw, Subject

    if is_run:
        subject = Subject.of_run(run_folder(given["run"]))
        folder = file_of(Path(given["run"]), "figures")
    else:
        subject, folder = Subject.of_settings(composed), Path("outputs/figures") / composed["name"]
    with styled(given.get("style", "light")):
        try:
            figure = diagram_figure(subject)
        except CannotDraw as why:
            raise InputError(f"model: expected a net that can be drawn, but {why}.") from None
        for ending in ("svg", "png"):
            path = Path(given.get("out", folder)) / f"diagram.{ending}"
            save(figure, path)
            print(path)
