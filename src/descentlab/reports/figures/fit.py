"""Data, fit and true law of a run in one picture."""

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from descentlab.reports.figures.style import FIT, TRAIN, TRUTH, VAL, legend_below
from descentlab.reports.subject import Subject

_STAGES = (("val", VAL, "validation points", 0.35), ("train", TRAIN, "training points", 0.7))


def fit_figure(subject: Subject) -> Figure:
    """One feature against the target, with the fit and the true law as curves; several as prediction
    against target, where a perfect fit is the diagonal."""
    figure = Figure()
    axes = figure.subplots()
    if subject.num_features == 1:
        draw_points(axes, subject)
        draw_truth(axes, subject)
        grid = subject.grid()
        with torch.no_grad():
            axes.plot(grid[:, 0], subject.module.predict(grid)[:, 0], color=FIT, linewidth=2, label=subject.fit_name)
        keep_to_points(axes, subject)
        if subject.result is not None and subject.result.status == "diverged":
            axes.set_title("diverged: the fit leaves the picture")
    else:
        _draw_against_target(axes, subject)
    legend_below(figure, axes)
    return figure


def draw_points(axes: Axes, subject: Subject) -> None:
    """The training and validation points of one feature, and the names of the axes."""
    for stage, colour, name, alpha in _STAGES:
        if stage in subject.data.stages():
            x, y = subject.points(stage)
            size = 14 if len(x) > 30 else 36
            axes.scatter(x[:, 0], y[:, 0], s=size, color=colour, alpha=alpha, linewidths=0, label=name)
    axes.set_xlabel(subject.feature_names[0])
    axes.set_ylabel(subject.target_name)


def draw_truth(axes: Axes, subject: Subject) -> None:
    """The true law, where it is known."""
    if subject.data.truth is not None:
        grid = subject.grid()
        axes.plot(grid[:, 0], subject.data.truth.law(grid)[:, 0], "--", color=TRUTH, linewidth=2, label="true law")


def keep_to_points(axes: Axes, subject: Subject) -> None:
    """Let a curve that leaves the points far behind, as one that diverges, leave the picture too."""
    y = torch.cat([subject.points(stage).y for stage in ("train", "val") if stage in subject.data.stages()])
    low, high = float(y.min()), float(y.max())
    room = 1.5 * (high - low) or max(1.0, abs(low))
    bottom, top = axes.get_ylim()
    axes.set_ylim(max(bottom, low - room), min(top, high + room))


def _draw_against_target(axes: Axes, subject: Subject) -> None:
    for stage, colour, name, alpha in _STAGES:
        if stage in subject.data.stages():
            x, y = subject.points(stage)
            with torch.no_grad():
                prediction = subject.module.predict(x)
            axes.scatter(y[:, 0], prediction[:, 0], s=14, color=colour, alpha=alpha, linewidths=0, label=name)
    low, high = axes.get_xlim()
    axes.plot([low, high], [low, high], "--", color=TRUTH, label="prediction = target")
    axes.set_xlabel(f"target {subject.target_name}")
    axes.set_ylabel("prediction")
