"""What single jobs have learned: the data, the true law and the fit."""

import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from descentlab.data.points import PointsDataModule
from descentlab.errors import InputError
from descentlab.modules.regression import RegressionModule
from descentlab.reports.html.chart import Panel, Section, number
from descentlab.reports.study import Job, Study
from descentlab.runs.load import load_data, load_module
from descentlab.settings.check import check
from descentlab.sweeps import compose as sweeps
from descentlab.sweeps.extract import trained_jobs

_MOST_POINTS = 300
_MOST_FAILED = 3
_MOST_ALL = 6
_GRID = 240


def chosen_jobs(study: Study) -> list[tuple[str, int]]:
    """The best, the typical (median) and the worst job that did not fail, and some that failed, typical
    ones first; all of few."""
    numbers = range(len(study.jobs))
    if len(numbers) <= _MOST_ALL and len(study.folders) == len(numbers):
        return [(study.jobs[k].label if len(numbers) > 1 else "", k) for k in numbers]
    good = sorted((k for k in numbers if not study.jobs[k].has_failed), key=lambda k: study.jobs[k].rank)
    failed = sorted((k for k in numbers if study.jobs[k].has_failed), key=lambda k: study.jobs[k].rank)
    chosen = [("best", good[0])] if good else []
    if len(good) > 2:
        chosen.append(("typical", good[len(good) // 2]))
    if len(good) > 1:
        chosen.append(("worst not failed", good[-1]))
    count = min(_MOST_FAILED, len(failed))
    return [*chosen, *(("failed", failed[(2 * k + 1) * len(failed) // (2 * count)]) for k in range(count))]


def fits(study: Study) -> Section | None:
    """A panel for each of the chosen jobs that can be read back, from its folder or from the record of its stack."""
    chosen = chosen_jobs(study)
    trained = _trained([study.jobs[k] for _, k in chosen])
    panels = [
        _panel(role, study.jobs[k], *each, is_one_of_many=len(study.jobs) > 1)
        for (role, k), each in zip(chosen, trained, strict=True)
        if each is not None
    ]
    if not panels:
        return None
    return Section("fits", "Fits", "Training points, the true law, and what was learned.", panels, min(3, len(panels)))


def _trained(jobs: Sequence[Job]) -> list[tuple[RegressionModule, PointsDataModule] | None]:
    """The jobs as they ended; None for one that broke down, or of which nothing is there any more."""
    found: dict[Path, tuple[RegressionModule, PointsDataModule]] = {}
    for job in jobs:
        with suppress(InputError, OSError):
            found[job.folder] = load_module(job.folder), load_data(job.folder)
    for sweep in {job.folder.parent for job in jobs if job.folder not in found}:
        inside = [
            sweeps.Job(int(job.folder.name), [], check(job.settings))
            for job in jobs
            if job.folder.parent == sweep and job.folder not in found and job.folder.name.isdecimal()
        ]
        found |= {sweep / str(number): each for number, each in trained_jobs(inside, sweep).items()}
    return [found.get(job.folder) for job in jobs]


def _panel(role: str, job: Job, module: RegressionModule, data: PointsDataModule, *, is_one_of_many: bool) -> Panel:
    units = data.standardization
    x, y = data.stages()["train"]
    if units is not None:
        x, y = units.restore_x(x), units.restore_y(y)
    every = -(-len(x) // _MOST_POINTS)
    x, y = x[::every], y[::every]
    names = job.settings["data"]
    target = names.get("target") or "y"
    with torch.no_grad():
        if x.shape[1] == 1:
            margin = 0.05 * float(x.max() - x.min()) or 1.0
            grid = torch.linspace(float(x.min()) - margin, float(x.max()) + margin, _GRID)[:, None]
            lines = [("fit", "@orange", "solid", module.predict(grid))]
            if data.truth is not None:
                lines.insert(0, ("true law", "@green", "dash", data.truth.law(grid)))
            traces = [*(_curve(grid, *line) for line in lines), _points(x, y)]
            axes = ((names.get("features") or ["x"])[0], target)
        else:
            prediction = module.predict(x)
            edges = torch.stack([y.min(), y.max()])[:, None]
            traces = [_curve(edges, "prediction = target", "@green", "dash", edges), _points(y, prediction)]
            axes = (target, "prediction")
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": str(axes[0])}},
        "yaxis": {"title": {"text": str(axes[1])}, "range": _range_of(y)},
        "hovermode": "closest",
    }
    loss = "val/loss" if "val/loss" in job.metrics else "train/loss"
    words = [role, f"job {job.label}" if is_one_of_many and role != job.label else "", f"{loss} {number(job.loss)}"]
    return Panel(traces, layout, " · ".join(filter(None, words)), 300)


def _points(x: torch.Tensor, y: torch.Tensor) -> dict[str, Any]:
    return {
        "x": _digits(x),
        "y": _digits(y),
        "mode": "markers",
        "marker": {"color": "@blue", "size": 5 if len(x) > 20 else 9, "opacity": 0.6},
        "name": "points",
        "hovertemplate": "(%{x:.3g}, %{y:.3g})<extra></extra>",
    }


def _curve(x: torch.Tensor, name: str, colour: str, dash: str, y: torch.Tensor) -> dict[str, Any]:
    return {
        "x": _digits(x),
        "y": _digits(y),
        "mode": "lines",
        "line": {"color": colour, "width": 2.5, "dash": dash},
        "name": name,
        "hovertemplate": f"{name} %{{y:.4g}} at %{{x:.3g}}<extra></extra>",
    }


def _digits(values: torch.Tensor) -> list[float | None]:
    return [float(f"{v:.5g}") if math.isfinite(v) else None for v in values[:, 0].tolist()]


def _range_of(y: torch.Tensor) -> list[float]:
    low, high = float(y.min()), float(y.max())
    margin = 0.15 * (high - low) or 1.0
    return [low - margin, high + margin]
