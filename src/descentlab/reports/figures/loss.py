"""The losses over the training."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from descentlab.reports.figures.style import TRAIN, TRUTH, VAL, legend_below
from descentlab.reports.subject import CannotDraw, Subject


def loss_figure(subject: Subject) -> Figure:
    """Training and validation loss against the step, logarithmic, with the lowest reachable error as a line.

    Raises:
        CannotDraw: no step was made.
    """
    if len(subject.history.get("step", [])) < 2:
        raise CannotDraw("no step was made")
    figure = Figure()
    axes = figure.subplots()
    steps = subject.history["step"]
    drawn = []
    for tag, colour, name, line in (("val/loss", VAL, "validation", "--"), ("train/loss", TRAIN, "training", "-")):
        values = subject.history.get(tag)
        if values is None:
            continue
        known = np.isfinite(values) & (values > 0)  # what a logarithm shows
        drawn.append(values[known])
        sparse = known.sum() < len(steps) or len(steps) <= 30
        look = {"marker": "o", "markersize": 3.5, "linewidth": 1.0} if sparse else {"linewidth": 1.8}
        axes.plot(steps[known], values[known], line, color=colour, label=name, **look)
    lowest = subject.lowest_error
    if lowest is not None:
        shown = np.concatenate(drawn)
        if lowest.value > 1e-3 * shown.min(initial=np.inf):
            axes.axhline(
                lowest.value, linestyle=":", color=TRUTH, linewidth=2, label=f"{lowest.name}: {lowest.value:.4g}"
            )
        else:
            axes.plot([], [], ":", color=TRUTH, label=f"{lowest.name}: {lowest.value:.1g}, below the picture")
    axes.set_yscale("log")
    bottom, top = axes.get_ylim()
    if top < 100 * bottom:  # or it would have one number, if any
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
    if _falls_early(drawn[-1]):
        axes.set_xscale("symlog", linthresh=10)
        axes.set_xlim(left=0)
    axes.set_xlabel("step")
    axes.set_ylabel(subject.loss_name)
    legend_below(figure, axes)
    return figure


def _falls_early(losses: "np.ndarray[Any, np.dtype[np.float64]]") -> bool:
    """Whether a tenth of many steps brings most of the logarithm's fall, which wants a logarithmic axis."""
    if len(losses) < 500:
        return False
    start, tenth, lowest = np.log(losses[0]), np.log(losses[len(losses) // 10]), np.log(losses.min())
    return bool(start - tenth > 0.6 * (start - lowest))
