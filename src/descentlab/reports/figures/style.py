"""One look for all pictures, light or dark: sizes, and colours that the colour-blind can tell apart."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from descentlab.runs.files import write_whole, writing

Style = Literal["light", "dark"]

TRAIN, FIT, TRUTH, VAL = "C0", "C1", "C2", "C3"
"""What a colour stands for in every picture; the style says which it is."""

_LIGHT = ["#0072B2", "#D55E00", "#009E73", "#7F7F7F", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
_DARK = ["#56B4E9", "#FF8C3B", "#2FCB9F", "#A6A6A6", "#E39AC4", "#6A8DFF", "#F0E442", "#FFFFFF"]
"""The palette of Okabe and Ito (2008), Color Universal Design, and the same hues brightened for dark paper."""

_SETTINGS: Any = {
    "figure.figsize": (6.4, 4.2),
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 11,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "font.size": 11,
}


@contextmanager
def styled(style: Style = "light", dpi: int = 150) -> Iterator[None]:
    """Draw in the house style within this block; a figure is to be written within it too.

    Args:
        style: of paper and ink.
        dpi: dots an inch of what is written.
    """
    paper, ink = ("#FFFFFF", "#222222") if style == "light" else ("#16181D", "#E6E6E6")
    inked: Any = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    with mpl.rc_context():
        mpl.rcParams.update({**_SETTINGS, "figure.dpi": dpi})
        mpl.rcParams.update({"figure.facecolor": paper, "axes.facecolor": paper, "axes.grid.which": "major"})
        mpl.rcParams.update({**dict.fromkeys(inked, ink), "grid.color": "#888888"})
        mpl.rcParams["axes.prop_cycle"] = cycler(color=_LIGHT if style == "light" else _DARK)
        yield


def legend_below(figure: Figure, *axes: Axes) -> None:
    """The legend of some of a figure's axes under all of them, where it hides nothing."""
    named = [pair for each in axes for pair in zip(*each.get_legend_handles_labels(), strict=True)]
    handles, labels = [handle for handle, _ in named], [label for _, label in named]
    columns = next(n for n in range(len(labels), 0, -1) if n == 1 or _width(labels, n) < figure.get_figwidth())
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=10)


def _width(labels: Sequence[str], columns: int) -> float:
    """Of a legend of so many columns, in inches, about: a column is as wide as its longest label."""
    rows = -(-len(labels) // columns)
    longest = [max(map(len, labels[start : start + rows])) for start in range(0, len(labels), rows)]
    return sum(0.075 * length + 0.65 for length in longest)


def save(figure: Figure, path: Path) -> None:
    """Write a figure whole or not at all."""
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix[1:])
    write_picture(content, path)


def write_picture(content: io.BytesIO, path: Path) -> None:
    """Write a picture whole or not at all, in a folder that is made if it is not there.

    Raises:
        WriteError: the disk does not take it.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content.getbuffer())
