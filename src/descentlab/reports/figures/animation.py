"""A training as a moving picture."""

import io
from collections.abc import Iterator
from pathlib import Path

import torch
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image
from torch import Tensor

from descentlab.modules.coefficients import column_names
from descentlab.reports.figures.fit import draw_points, draw_truth, keep_to_points
from descentlab.reports.figures.landscape import bounded_path, draw_contours, draw_profile, plane_of
from descentlab.reports.figures.style import FIT, Style, legend_below, styled, write_picture
from descentlab.reports.retrace import nearest_rows
from descentlab.reports.subject import Subject

_FRAMES = 60
_MILLISECONDS = 80
_PAUSE = 2000
"""Milliseconds for which the last frame stands."""

_DPI = 80


def animate(subject: Subject, path: Path, style: Style) -> Path:
    """Write the fit and the path of the parameters over the training as a GIF; return its path.

    Raises:
        CannotDraw: no step was made, or the parameters at the steps are not known.
    """
    with styled(style):
        first, *rest = Film(subject).images()
    content = io.BytesIO()
    durations = [*([_MILLISECONDS] * len(rest)), _PAUSE]
    first.save(content, format="GIF", save_all=True, append_images=rest, duration=durations, loop=0)
    write_picture(content, path)
    return path


class Film:
    """The frames of `animate`: left the fit, for a model of one feature; right the path over the landscape.

    The steps shown are denser at the beginning, where more happens. What does not move is drawn once.

    Args:
        subject: a run.

    Attributes:
        steps: of the frames.
    """

    def __init__(self, subject: Subject) -> None:
        rows = bounded_path(subject)
        known = subject.trajectory.steps[: len(rows)]
        self._rows = nearest_rows(known, _FRAMES)
        self.steps = [known[row] for row in self._rows]
        self._losses = subject.losses(rows[self._rows]).tolist()
        self._loss_name = subject.loss_name
        has_curve = subject.num_features == 1
        self.figure = Figure(figsize=(10.0, 4.4) if has_curve else (6.4, 4.4), dpi=_DPI)
        panels = self.figure.subplots(1, 1 + has_curve, squeeze=False)[0]
        self.path, self._ground = _landscape(panels[-1], subject, rows)
        self._moving: list[Artist] = [self.path]
        self.curve: Line2D | None = None
        if has_curve:
            self.curve, self._predictions = _curve(panels[0], subject, rows[self._rows])
            self._moving.append(self.curve)
        legend_below(self.figure, *panels)
        self.title = self.figure.suptitle(" ", fontsize=12)
        self._moving.append(self.title)

    def show(self, frame: int) -> None:
        """Set what moves as it is in a frame."""
        row = self._rows[frame]
        self.path.set_data(*self._ground[: row + 1].T)
        self.path.set_markevery([row])
        if self.curve is not None:
            self.curve.set_ydata(self._predictions[frame])
        self.title.set_text(f"step {self.steps[frame]}, {self._loss_name} {self._losses[frame]:.4g}")

    def images(self) -> Iterator[Image.Image]:
        """The frames, in the colours of the last one."""
        canvas = FigureCanvasAgg(self.figure)
        for artist in self._moving:
            artist.set_animated(True)
        canvas.draw()
        still = canvas.copy_from_bbox(self.figure.bbox)
        palette = None
        for frame in [len(self.steps) - 1, *range(len(self.steps))]:
            canvas.restore_region(still)
            self.show(frame)
            for artist in self._moving:
                artist.draw(canvas.get_renderer())
            image = Image.frombytes("RGBA", canvas.get_width_height(), canvas.buffer_rgba().tobytes()).convert("RGB")
            if palette is None:
                palette = image.quantize(255)
            else:
                yield image.quantize(palette=palette, dither=Image.Dither.NONE)


def _landscape(axes: Axes, subject: Subject, rows: Float[Tensor, "row column"]) -> tuple[Line2D, Tensor]:
    """The line of the path on its ground, and the points it passes."""
    if rows.shape[1] == 1:
        draw_profile(axes, subject, rows)
        for line in axes.lines[1:]:
            line.remove()
        ground = torch.stack([rows[:, 0], subject.losses(rows)], dim=1)
    else:
        plane = plane_of(rows, column_names(subject.module.net))
        draw_contours(axes, subject, plane, rows)
        ground = plane.coordinates(rows)
    (path,) = axes.plot([], [], "-o", color=FIT, markeredgecolor="white", markersize=8, label="path")
    return path, ground


def _curve(axes: Axes, subject: Subject, rows: Float[Tensor, "row column"]) -> tuple[Line2D, Tensor]:
    """The curve of the fit, and where it stands in each frame."""
    draw_points(axes, subject)
    draw_truth(axes, subject)
    grid = subject.grid(400)
    predictions = subject.predictions(rows, grid)
    axes.plot(grid[:, 0], predictions.T, alpha=0)  # the axes hold them all
    keep_to_points(axes, subject)
    axes.set_autoscale_on(False)
    (curve,) = axes.plot(grid[:, 0], predictions[0], color=FIT, linewidth=2, label="fit")
    return curve, predictions
