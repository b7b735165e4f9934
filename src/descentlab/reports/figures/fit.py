"""Data, fit and true law of a run in one picture."""

from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from descentlab.data.points import PointsDataModule
from descentlab.modules.regression import RegressionModule
from descentlab.reports.figures.style import BLUE, GREEN, GREY, ORANGE, save, styled
from descentlab.runs.load import load_data, load_module

_GRID = 1000


def draw_fit(folder: Path) -> Path:
    """Draw `figures/fit.png` of a run folder and return its path.

    One feature is drawn against the target, with the fit and the true law as curves; several are drawn
    as prediction against target, where a perfect fit is the diagonal.
    """
    module, data = load_module(folder), load_data(folder)
    with styled():
        figure = fit_figure(module, data)
        path = folder / "figures" / "fit.png"
        save(figure, path)
    return path


def fit_figure(module: RegressionModule, data: PointsDataModule) -> Figure:
    """The picture of `draw_fit`, not yet written."""
    figure = Figure()
    axes = figure.subplots()
    with torch.no_grad():
        if data.stages()["train"].x.shape[1] == 1:
            _draw_curves(axes, module, data)
        else:
            _draw_against_target(axes, module, data)
    axes.legend()
    return figure


def _draw_curves(axes: Axes, module: RegressionModule, data: PointsDataModule) -> None:
    units = data.standardization
    for stage, colour, name in (("val", GREY, "validation points"), ("train", BLUE, "training points")):
        if stage in data.stages():
            x, y = data.stages()[stage]
            if units is not None:
                x, y = units.restore_x(x), units.restore_y(y)
            axes.scatter(x[:, 0], y[:, 0], s=14, color=colour, alpha=0.6 if stage == "train" else 0.3, label=name)
    grid = _grid(x)
    if data.truth is not None:
        axes.plot(grid[:, 0], data.truth.law(grid)[:, 0], "--", color=GREEN, linewidth=2, label="true law")
    axes.plot(grid[:, 0], module.predict(grid)[:, 0], color=ORANGE, linewidth=2, label="fit")
    names = (module.config or {}).get("data", {})
    axes.set_xlabel((names.get("features") or ["x"])[0])
    axes.set_ylabel(names.get("target") or "y")


def _draw_against_target(axes: Axes, module: RegressionModule, data: PointsDataModule) -> None:
    units = data.standardization
    for stage, colour, name in (("val", GREY, "validation points"), ("train", BLUE, "training points")):
        if stage in data.stages():
            x, y = data.stages()[stage]
            prediction = module(x)
            if units is not None:
                prediction, y = units.restore_y(prediction), units.restore_y(y)
            axes.scatter(y[:, 0], prediction[:, 0], s=14, color=colour, alpha=0.6, label=name)
    low, high = axes.get_xlim()
    axes.plot([low, high], [low, high], "--", color=GREEN, label="prediction = target")
    axes.set_xlabel("target")
    axes.set_ylabel("prediction")


def _grid(x: Tensor) -> Tensor:
    low, high = float(x.min()), float(x.max())
    margin = 0.05 * (high - low) or 1.0
    return torch.linspace(low - margin, high + margin, _GRID)[:, None]
