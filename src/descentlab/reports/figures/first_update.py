"""The model before and after its first update."""

from matplotlib.figure import Figure

from descentlab.reports.figures.fit import draw_points, draw_truth, keep_to_points
from descentlab.reports.figures.style import FIT, legend_below
from descentlab.reports.subject import Subject


def first_update_figure(subject: Subject) -> Figure:
    """Points and true law, with the model's curve at the start and after one gradient step; the title
    gives the training loss of both.

    Raises:
        CannotDraw: there are several features, or no step was made.
    """
    grid = subject.grid()
    columns = subject.columns_at([0, 1])
    before, after = subject.predictions(columns, grid)
    losses = subject.losses(columns).tolist()
    figure = Figure()
    axes = figure.subplots()
    draw_points(axes, subject)
    draw_truth(axes, subject)
    axes.plot(grid[:, 0], before, ":", color="C4", linewidth=2, label="before the first update")
    axes.plot(grid[:, 0], after, color=FIT, linewidth=2, label="after it")
    axes.set_title(f"{subject.loss_name} {losses[0]:.5g} before, {losses[1]:.5g} after")
    keep_to_points(axes, subject)
    legend_below(figure, axes)
    return figure
