"""What single jobs have learned: the data, the true law and the fit."""

import math
from typing import Any

import torch

from descentlab.errors import InputError
from descentlab.reports.html.chart import Panel, Section, number
from descentlab.reports.study import Job, Study
from descentlab.runs.load import load_data, load_module

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
    good = sorted((k for k in numbers if not study.has_failed(study.jobs[k])), key=lambda k: _rank(study.jobs[k]))
    failed = sorted((k for k in numbers if study.has_failed(study.jobs[k])), key=lambda k: _rank(study.jobs[k]))
    chosen = [("best", good[0])] if good else []
    if len(good) > 2:
        chosen.append(("typical", good[len(good) // 2]))
    if len(good) > 1:
        chosen.append(("worst that did not fail", good[-1]))
    count = min(_MOST_FAILED, len(failed))
    return [*chosen, *(("failed", failed[(2 * k + 1) * len(failed) // (2 * count)]) for k in range(count))]


def _rank(job: Job) -> float:
    return math.inf if math.isnan(job.loss) else job.loss


def fits(study: Study) -> Section | None:
    """A panel for each of the chosen jobs whose folder is there."""
    panels = []
    for role, k in chosen_jobs(study):
        job = study.jobs[k]
        try:
            panels.append(_panel(role, job, len(study.jobs) > 1))
        except (InputError, OSError):  # a job that broke down, or whose folder is gone
            continue
    if not panels:
        return None
    return Section("fits", "Fits", "Training points, the true law, and what was learned.", panels, min(3, len(panels)))


def _panel(role: str, job: Job, is_one_of_many: bool) -> Panel:
    module, data = load_module(job.folder), load_data(job.folder)
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
    words = [role, f"job {job.label}" if is_one_of_many and role != job.label else "", number(job.loss)]
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
