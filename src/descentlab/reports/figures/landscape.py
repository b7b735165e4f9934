"""The path of the parameters over the loss landscape."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from torch import Tensor

from descentlab.modules.coefficients import column_names
from descentlab.reports.figures.style import FIT, TRAIN, TRUTH, legend_below
from descentlab.reports.subject import CannotDraw, Subject

_POINTS = 61
"""Of each side of the grid that the contours are drawn from."""

_DIVERGED = 100
"""A path that diverges is shown until its loss is this many times the first."""


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane in the space of the parameters.

    Attributes:
        origin: a point of it.
        directions: two orthonormal vectors in it.
        labels: of its axes.
        explained: the share of the path's variance that lies in it, 0 to 1.
    """

    origin: Float[Tensor, " column"]
    directions: Float[Tensor, "2 column"]
    labels: tuple[str, str]
    explained: float

    def coordinates(self, columns: Float[Tensor, "row column"]) -> Float[Tensor, "row 2"]:
        """Where the feet of the perpendiculars from some points stand in the plane."""
        return (columns - self.origin) @ self.directions.T

    def columns(self, coordinates: Float[Tensor, "row 2"]) -> Float[Tensor, "row column"]:
        """The parameters at some points of the plane."""
        return self.origin + coordinates @ self.directions


def plane_of(path: Float[Tensor, "row column"], names: list[str]) -> Plane:
    """The plane that shows a path best: the coefficients themselves where they are two; else through the
    path's last point along its two leading principal directions.

    Source: H. Li et al. (2018), Visualizing the loss landscape of neural nets, section 7.
    """
    path = path.double()
    if len(names) == 2:
        return Plane(torch.zeros(2).double(), torch.eye(2).double(), (names[0], names[1]), 1.0)
    centred = path - path.mean(dim=0)
    _, singular, right = torch.linalg.svd(centred, full_matrices=len(path) < 2)
    variance = singular.square()
    total = float(variance.sum())
    explained = float(variance[:2].sum()) / total if total > 0 else 1.0
    return Plane(path[-1], right[:2], ("first principal direction", "second principal direction"), explained)


def landscape_figure(subject: Subject) -> Figure:
    """Contours of the training loss with the path from start to end.

    With two coefficients the plane is exact; with more, the contours are those of the plane of `plane_of`,
    into which the path is projected; with one, the loss is drawn against it.

    Raises:
        CannotDraw: no step was made, or the parameters at the steps are not known.
    """
    path = bounded_path(subject)
    figure = Figure()
    axes = figure.subplots()
    end = (
        "last of the path that fits in" if subject.result is not None and subject.result.status == "diverged" else "end"
    )
    if path.shape[1] == 1:
        draw_profile(axes, subject, path, end)
    else:
        plane = plane_of(path, column_names(subject.module.net))
        contours = draw_contours(axes, subject, plane, path)
        draw_path(axes, plane.coordinates(path), end)
        figure.colorbar(contours, ax=axes, label=f"training {subject.loss_name}", format=_short)
    legend_below(figure, axes)
    return figure


def _short(value: float, _: int) -> str:
    return f"{value:.0f}" if 1e3 <= value < 1e5 else f"{value:.3g}"


def bounded_path(subject: Subject) -> Float[Tensor, "row column"]:
    """The path in float64; of one that diverges the part before it has left for good."""
    path = subject.trajectory.columns.double()
    if len(path) < 2:
        raise CannotDraw("no step was made")
    if subject.result is not None and subject.result.status == "diverged":
        losses = subject.losses(path)
        outside = torch.nonzero(~(losses < _DIVERGED * losses[0].clamp_min(1e-12)))
        path = path[: max(2, int(outside[0]) if len(outside) else len(path))]
    return path


def draw_contours(axes: Axes, subject: Subject, plane: Plane, path: Float[Tensor, "row column"]) -> ContourSet:
    """The contours of the training loss about a path; returns what a colour bar is made from.

    Raises:
        CannotDraw: there are none.
    """
    marks = [path] if subject.optimum is None or path.shape[1] != 2 else [path, subject.optimum[None]]
    coordinates = plane.coordinates(torch.cat(marks))
    low, high = coordinates.min(dim=0).values, coordinates.max(dim=0).values
    extent = high - low
    extent = torch.maximum(extent, 0.3 * extent.max().clamp_min(1e-3))
    middle = (low + high) / 2
    sides = [
        torch.linspace(float(m - 0.62 * e), float(m + 0.62 * e), _POINTS).double()
        for m, e in zip(middle, extent, strict=True)
    ]
    first, second = torch.meshgrid(*sides, indexing="xy")
    losses = subject.losses(plane.columns(torch.stack([first.flatten(), second.flatten()], dim=1)))
    heights = np.ma.masked_invalid(losses.reshape(_POINTS, _POINTS).numpy())
    top = float(heights.max()) if heights.count() else 0.0
    if not top > 0:
        raise CannotDraw("the loss is 0, or not finite, all about the path")
    bottom = max(float(heights.min()), 1e-6 * top)
    levels = np.geomspace(bottom, max(top, 1.001 * bottom), 18)
    contours = axes.contourf(first, second, heights, levels, norm=LogNorm(), cmap="cividis", extend="both", alpha=0.85)
    axes.contour(first, second, heights, levels, colors="white", linewidths=0.4, alpha=0.5)
    axes.grid(False)
    axes.set_xlabel(plane.labels[0])
    axes.set_ylabel(plane.labels[1])
    axes.set_title("" if plane.explained == 1.0 else f"the plane holds {plane.explained:.1%} of the path's variance")
    if len(marks) == 2:
        axes.plot(*coordinates[-1], "P", color=TRUTH, markersize=9, markeredgecolor="white", label="least squares")
    return contours


def draw_path(axes: Axes, coordinates: Float[Tensor, "row 2"], end: str = "end") -> None:
    """A path with its start and its end."""
    few = len(coordinates) <= 100
    axes.plot(*coordinates.T, "-", marker="." if few else "", color=FIT, linewidth=1.5, label="path")
    axes.plot(*coordinates[0], "o", color="white", markeredgecolor="black", markersize=7, label="start")
    axes.plot(*coordinates[-1], "*", color=FIT, markeredgecolor="white", markersize=13, label=end)


def draw_profile(axes: Axes, subject: Subject, path: Float[Tensor, "row 1"], end: str = "end") -> None:
    """The loss against the one parameter there is, with the path on it."""
    marks = path if subject.optimum is None else torch.cat([path, subject.optimum[None]])
    low, high = float(marks.min()), float(marks.max())
    margin = 0.15 * (high - low) or 1.0
    line = torch.linspace(low - margin, high + margin, 400).double()[:, None]
    axes.plot(line[:, 0], subject.losses(line), color=TRAIN, linewidth=1.8, label="training loss")
    draw_path(axes, torch.stack([path[:, 0], subject.losses(path)], dim=1), end)
    axes.set_xlabel(column_names(subject.module.net)[0])
    axes.set_ylabel(f"training {subject.loss_name}")
