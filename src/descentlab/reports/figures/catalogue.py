"""All figures there are, by the names of their files."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from descentlab.reports.figures.diagram import diagram_figure
from descentlab.reports.figures.first_update import first_update_figure
from descentlab.reports.figures.fit import fit_figure
from descentlab.reports.figures.landscape import landscape_figure
from descentlab.reports.figures.loss import loss_figure
from descentlab.reports.figures.residuals import residuals_figure
from descentlab.reports.figures.style import Style, save, styled
from descentlab.reports.figures.units import units_figure
from descentlab.reports.subject import CannotDraw, Subject

FIGURES: dict[str, Callable[[Subject], Figure]] = {
    "fit": fit_figure,
    "loss": loss_figure,
    "first_update": first_update_figure,
    "landscape": landscape_figure,
    "units": units_figure,
    "residuals": residuals_figure,
    "diagram": diagram_figure,
}


def draw(subject: Subject, names: Sequence[str], folder: Path, style: Style) -> Iterator[str]:
    """Draw figures one after another; of each comes a line, its path or why it is left out.

    Args:
        subject: what they show.
        names: of `FIGURES`.
        folder: where to, made if it is not there.
        style: of all of them.
    """
    with styled(style):
        for name in names:
            path = folder / f"{name}.png"
            try:
                figure = FIGURES[name](subject)
            except CannotDraw as why:
                yield f"{name} is left out: {why}"
                continue
            save(figure, path)
            yield str(path)
