"""The losses over training: bands of their quantiles, and single curves."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from descentlab.reports.histories import Histories, loss_quantiles, read_validation
from descentlab.reports.html.chart import Panel, Section, label, log_axis, number, positive
from descentlab.reports.names import short_name
from descentlab.reports.study import Job, Study

_MOST_SINGLE = 30
_SAMPLE = 12
_MOST_LEGEND = 10
_MOST_PANELS = 12
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def loss_curves(study: Study, histories: Histories, shown: Sequence[int], most: float) -> Section | None:
    """Training loss against steps: a panel for each combination of the swept settings, with shared axes.

    Args:
        study: whose jobs are the members of the histories.
        histories: of all jobs.
        shown: the jobs whose curves the page holds.
        most: the largest loss that the axis shows; zooming out shows the rest.
    """
    if len(histories.steps) < 2 or np.isnan(histories.losses).all():
        return None
    if len(study.jobs) == 1:
        return _lone(study, histories, most)
    numbers = {id(job): k for k, job in enumerate(study.jobs)}
    groups = {key: [numbers[id(job)] for job in jobs] for key, jobs in study.grouped(study.swept).items()}
    axis = log_axis("training loss", _range(histories), most)
    layout = {"xaxis": {"title": {"text": "gradient updates"}}, "yaxis": axis, "hovermode": "closest"}
    names = [short_name(key, study.varied) for key in study.swept]
    titles = {
        key: ", ".join(f"{name} {number(value)}" for name, value in zip(names, key, strict=True)) for key in groups
    }
    places = {job: place for place, job in enumerate(shown)}
    if len(groups) > _MOST_PANELS or (len(groups) > 1 and all(len(members) == 1 for members in groups.values())):
        chosen = [*groups][:: math.ceil(len(groups) / _MOST_SINGLE)]
        data = [
            _line(histories, groups[key], titles[key], k / max(1, len(chosen) - 1), places)
            for k, key in enumerate(chosen)
        ]
        note = "One line for each combination of the swept settings: the median over its jobs."
        if len(chosen) > _MOST_LEGEND:
            data = [{**trace, "showlegend": False} for trace in data]
            note += " Colours follow the order of the settings; hovering names them."
        if len(chosen) < len(groups):
            note += f" {len(chosen)} of {len(groups)} are drawn."
        panels = [Panel(data, layout, height=440, curves=list(places.values()))]
        return Section("losses", "Loss curves", note + _thinned(histories), panels, columns=1)
    panels = []
    for key, members in groups.items():
        inside = [places[k] for k in members if k in places]
        title = f"{titles[key]} ({len(members)} job{'s' if len(members) > 1 else ''})" if titles[key] else ""
        data = _bands(histories, members) if len(members) > 1 else []
        singles = [k for k in _sample(study, members) if k in places]
        data += [_single(histories, k, places[k], is_alone=len(members) == 1) for k in singles]
        own_layout = {**layout, **_all_diverged([study.jobs[k] for k in members])}
        panels.append(Panel(data, own_layout, title, 440 if len(groups) == 1 else 300, inside))
    note = "The median over the jobs, with the middle 50 % and 90 % of them; a job that diverged counts as infinite."
    if len(study.jobs) > _MOST_SINGLE:
        note += " Thin lines are single jobs of all ranks; select any others on this page to see their curves here."
    return Section("losses", "Loss curves", note + _thinned(histories), panels, min(3, len(panels)), shares_axes=True)


def _lone(study: Study, histories: Histories, most: float) -> Section:
    """The training loss of a run, and its validation loss where that was computed."""
    training = {**_single(histories, 0, 0, is_alone=True), "name": "training", "showlegend": True}
    steps, losses = read_validation(study.jobs[0].folder)
    validation = {
        "x": steps,
        "y": positive(losses),
        "mode": "lines+markers",
        "name": "validation",
        "line": {"color": "@green", "width": 1.2, "dash": "dash"},
        "marker": {"color": "@green", "size": 5},
        "hovertemplate": "validation %{y:.4g} at step %{x}<extra></extra>",
    }
    axis = log_axis("loss" if losses else "training loss", [*_range(histories), *losses], most)
    layout = {"xaxis": {"title": {"text": "gradient updates"}}, "yaxis": axis, "hovermode": "closest"}
    note = "The training and the validation loss" if losses else "The training loss"
    note += f".{_thinned(histories)}" if _thinned(histories) else " at every recorded step."
    panel = Panel([training, *([validation] if losses else [])], layout, height=440, curves=[0])
    return Section("losses", "Loss curves", note, [panel], columns=1)


def _thinned(histories: Histories) -> str:
    """A sentence on which steps are drawn; empty where all are."""
    count, recorded = len(histories.steps), histories.num_recorded
    if count == recorded:
        return ""
    return f" {count} of {recorded} recorded steps are drawn, in pairs of neighbours that lie closer at the start."


def _all_diverged(jobs: Sequence[Job]) -> dict[str, Any]:
    """A line of text for a panel whose curves soon leave it."""
    if any(job.status != "diverged" for job in jobs):
        return {}
    last = max(job.num_steps or 0 for job in jobs)
    text = f"{'all ' if len(jobs) > 1 else ''}diverged within {last} updates"
    return {"annotations": [{"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "text": text, "showarrow": False}]}


def _sample(study: Study, members: Sequence[int]) -> list[int]:
    """The members whose own curves are drawn: all of few, else some evenly from all ranks."""
    if len(members) <= _MOST_SINGLE:
        return list(members)
    ranked = sorted(members, key=lambda k: study.jobs[k].rank)
    return [ranked[(2 * j + 1) * len(ranked) // (2 * _SAMPLE)] for j in range(_SAMPLE)]


def _range(histories: Histories) -> list[float]:
    finite = histories.losses[np.isfinite(histories.losses) & (histories.losses > 0)]
    return [float(finite.min()), float(finite.max())] if finite.size else []


def _bands(histories: Histories, members: Sequence[int]) -> list[dict[str, Any]]:
    steps = histories.steps.tolist()
    low, lower, middle, upper, high = (
        positive(row) for row in loss_quantiles(histories.losses[list(members)], _QUANTILES).tolist()
    )
    bands = []
    for name, below, above, opacity in (("90 % of jobs", low, high, 0.16), ("50 % of jobs", lower, upper, 0.28)):
        known = [k for k in range(len(steps)) if below[k] is not None and above[k] is not None]
        bands.append(
            {
                "x": [*(steps[k] for k in known), *(steps[k] for k in reversed(known))],
                "y": [*(below[k] for k in known), *(above[k] for k in reversed(known))],
                "fill": "toself",
                "fillcolor": f"@blue/{opacity}",
                "line": {"width": 0},
                "mode": "lines",
                "hoverinfo": "skip",
                "name": name,
            }
        )
    line = {"x": steps, "y": middle, "mode": "lines", "name": "median", "line": {"color": "@blue", "width": 2.5}}
    return [*bands, {**line, "hovertemplate": "median %{y:.4g}<br>step %{x}<extra></extra>"}]


def _line(
    histories: Histories, members: Sequence[int], name: str, share: float, places: dict[int, int]
) -> dict[str, Any]:
    trace: dict[str, Any] = {
        "x": histories.steps.tolist(),
        "y": positive(loss_quantiles(histories.losses[list(members)], [0.5])[0].tolist()),
        "mode": "lines",
        "name": label(name),
        "line": {"color": f"@scale/{share:.3f}", "width": 2},
        "hovertemplate": f"{label(name)}<br>loss %{{y:.4g}}<br>step %{{x}}<extra></extra>",
    }
    if len(members) == 1 and members[0] in places:
        trace["customdata"] = [places[members[0]]] * len(histories.steps)
    return trace


def _single(histories: Histories, job: int, place: int, *, is_alone: bool) -> dict[str, Any]:
    return {
        "x": histories.steps.tolist(),
        "y": positive(histories.losses[job].tolist()),
        "mode": "lines",
        "line": {"color": "@blue", "width": 2.5} if is_alone else {"color": "@text/0.4", "width": 0.8},
        "customdata": [place] * len(histories.steps),
        "hovertemplate": "%{y:.4g} at step %{x}<extra></extra>",
        "showlegend": False,
    }
