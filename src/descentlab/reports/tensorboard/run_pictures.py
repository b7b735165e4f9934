"""What TensorBoard shows of a run that costs too much to make while it trains: the fit as an image, the
graph, the stability limit."""

import io
import math
import warnings
from contextlib import suppress
from pathlib import Path

from matplotlib.figure import Figure
from tensorboard.compat.proto.summary_pb2 import Summary
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard._pytorch_graph import graph

from descentlab.nets.linear_in_parameters import LinearInParameters
from descentlab.reports.figures.fit import draw_points, draw_truth, keep_to_points
from descentlab.reports.figures.loss import loss_figure
from descentlab.reports.figures.style import FIT, styled
from descentlab.reports.retrace import nearest_rows
from descentlab.reports.subject import CannotDraw, Subject
from descentlab.runs.dashboard import STABILITY_LIMIT
from descentlab.runs.event_file import BulkSummaryWriter
from descentlab.runs.stability import limits_along

FIT_IMAGE, LOSS_IMAGE = "chart/fit", "chart/loss"
"""The tags of the images; TensorBoard sorts by name, and opens on what comes first."""

_SUFFIX = ".pictures"
_IMAGES = 16
_LIMITS = 16
_DPI = 80


def add_to_board(subject: Subject, folder: Path) -> None:
    """Add to the TensorBoard folder of a run, in an event file of its own.

    Args:
        subject: the run.
        folder: `tensorboard/` of its folder; nothing is done where there is none, or where it has been done.
    """
    if not folder.is_dir() or any(folder.glob(f"*{_SUFFIX}")):
        return
    board = BulkSummaryWriter(folder, filename_suffix=_SUFFIX)
    _add_graph(board, subject)
    for add in (_add_losses, _add_stability_limits, _add_fits):
        with suppress(CannotDraw):  # as the figures say of the same run
            add(board, subject)
    board.close()


def _add_graph(board: SummaryWriter, subject: Subject) -> None:
    """The operations of the net; nothing of one that cannot be traced."""
    sample = subject.data.stages()["train"].x[:1]
    with warnings.catch_warnings():
        # torch 2.13's own writer of graphs calls torch.jit.trace, which is deprecated and warns of whatever
        # another input might change: the graph is only looked at.
        warnings.simplefilter("ignore")
        try:
            board._get_file_writer().add_graph(graph(subject.module.net, sample))
        except RuntimeError:
            return


def _add_fits(board: SummaryWriter, subject: Subject) -> None:
    """The fitted curve over the training, an image a step."""
    grid = subject.grid(400)
    rows = nearest_rows(subject.trajectory.steps, _IMAGES)
    predictions = subject.predictions(subject.trajectory.columns[rows], grid)
    with styled(dpi=_DPI):
        figure = Figure(figsize=(5.6, 3.6))
        axes = figure.subplots()
        draw_points(axes, subject)
        draw_truth(axes, subject)
        (curve,) = axes.plot(grid[:, 0], predictions[0], color=FIT, linewidth=2, label="fit")
        keep_to_points(axes, subject)
        for row, prediction in zip(rows, predictions, strict=True):
            step = subject.trajectory.steps[row]
            curve.set_ydata(prediction)
            axes.set_title(f"step {step}")
            _add_image(board, FIT_IMAGE, figure, step)
            figure.set_layout_engine("none")  # once found, the layout serves all steps


def _add_losses(board: SummaryWriter, subject: Subject) -> None:
    """The losses beside the lowest error that can be reached, as one image of the last step."""
    with styled(dpi=_DPI):
        figure = loss_figure(subject)
        _add_image(board, LOSS_IMAGE, figure, int(subject.history["step"][-1]))


def _add_image(board: SummaryWriter, tag: str, figure: Figure, step: int) -> None:
    content = io.BytesIO()
    figure.savefig(content, format="png")
    width, height = (round(side * _DPI) for side in figure.get_size_inches())
    image = Summary.Image(width=width, height=height, colorspace=3, encoded_image_string=content.getvalue())
    board._get_file_writer().add_summary(Summary(value=[Summary.Value(tag=tag, image=image)]), step)


def _add_stability_limits(board: SummaryWriter, subject: Subject) -> None:
    """The stability limit along the path, of gradient descent alone, whose learning rate it bounds."""
    module = subject.module
    if isinstance(module.net, LinearInParameters) and subject.loss_name not in ("mse", "sse"):
        return  # the path is in the user's units, and only a quadratic has the same curvature everywhere
    rows = nearest_rows(subject.trajectory.steps, _LIMITS)
    path = subject.trajectory.columns[rows]
    limits = limits_along(module, subject.data, path, max_products=40, relative_tolerance=1e-2)
    if limits is None:
        return
    for row, limit in zip(rows, limits, strict=True):
        if math.isfinite(limit):
            board.add_scalar(STABILITY_LIMIT, limit, subject.trajectory.steps[row])
