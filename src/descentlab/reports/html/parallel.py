"""Parallel coordinates: each job a line through its settings, its start and where it ended."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from descentlab.reports.histories import Histories
from descentlab.reports.html.chart import OUTCOMES, Panel, Section, is_spread, label, number
from descentlab.reports.names import short_name
from descentlab.reports.study import Study, in_order

_MOST_AXES = 8
_MOST_LABELS = 10
_AT_START = "at start"


@dataclass(frozen=True)
class _Axis:
    """A name, a height from 0 to 1 for each job (None for none), and the ticks: heights and texts."""

    name: str
    heights: list[float | None]
    ticks: list[tuple[float, str]]
    texts: list[str]


def parallel(study: Study, histories: Histories, shown: Sequence[int], most: float) -> Section | None:
    """Axes: the swept settings, the start of the parameters where seeds alone differ, the final losses.

    Args:
        study: the jobs.
        histories: of all jobs; their first row is the start.
        shown: the jobs that are drawn.
        most: the largest loss that an axis shows.
    """
    if len(shown) < 3:
        return None
    jobs = [study.jobs[k] for k in shown]
    axes = _axes(study, histories, shown, most)
    if len(axes) < 3:
        return None
    data = [
        _lines(axes, [k for k, job in enumerate(jobs) if job.has_failed == has_failed], name, colour, len(jobs))
        for name, colour, has_failed in OUTCOMES
    ]
    note = (
        "Each line is a job. Drag a box over a part of an axis to select the jobs that pass through it, "
        "or click a line where it meets an axis; a double click lets go."
    )
    return Section("parallel", "Parallel coordinates", note, [Panel(data, _layout(axes), height=460)], columns=1)


def _axes(study: Study, histories: Histories, shown: Sequence[int], most: float) -> list[_Axis]:
    jobs = [study.jobs[k] for k in shown]
    axes = [
        _axis(short_name(key, study.varied), [job.values.get(key) for job in jobs]) for key in study.swept[:_MOST_AXES]
    ]
    if not axes and histories.names:
        room = _MOST_AXES - 2
        starts = [histories.parameters[shown, 0, k].tolist() for k in range(len(histories.names))]
        pairs = zip(histories.names, starts, strict=True)
        varying = [(name, start) for name, start in pairs if len(set(start)) > 1][:room]
        axes = [_axis(f"{_brief(name)} {_AT_START}", start) for name, start in varying]
    if len({job.num_steps for job in jobs}) > 1:
        axes.append(_axis("updates", [job.num_steps for job in jobs]))
    for metric in ("train/loss", "val/loss"):
        if any(metric in job.metrics for job in jobs):
            axes.append(_axis(metric, [job.metrics.get(metric, math.nan) for job in jobs], most))
    return axes


def _layout(axes: Sequence[_Axis]) -> dict[str, Any]:
    """Upright lines with their ticks beside them, in place of the axes that Plotly draws."""
    annotations = [
        {
            "x": place,
            "y": height,
            "text": label(text),
            "showarrow": False,
            "xanchor": "left",
            "xshift": 5,
            "font": {"size": 11},
            "bgcolor": "@surface/0.8",
            "borderpad": 1,
        }
        for place, axis in enumerate(axes)
        for height, text in axis.ticks
    ]
    shapes = [
        {"type": "line", "x0": place, "x1": place, "y0": 0, "y1": 1, "line": {"color": "@muted", "width": 1}}
        for place in range(len(axes))
    ]
    return {
        "xaxis": {
            "tickvals": list(range(len(axes))),
            "ticktext": [label(axis.name).replace(_AT_START, f"<br>{_AT_START}") for axis in axes],
            "side": "top",
            "range": [-0.3, len(axes) - 0.5],
            "showgrid": False,
            "fixedrange": True,
            "tickangle": "auto",
            "automargin": True,
        },
        "yaxis": {"visible": False, "range": [-0.05, 1.05], "fixedrange": True},
        "annotations": annotations,
        "shapes": shapes,
        "hovermode": "closest",
        "dragmode": "select",
    }


def _brief(name: str) -> str:
    """`hidden1.weight.0.0` without the word that all weights have."""
    return name.replace(".weight", "")


def _axis(name: str, values: Sequence[Any], most: float | None = None) -> _Axis:
    """An axis over some values; of losses, where `most` is given: logarithmic, and up to it."""
    is_loss = most is not None
    distinct = sorted({value for value in values if not _is_missing(value)}, key=in_order)
    texts = [number(value) for value in values]
    if len(distinct) <= _MOST_LABELS and not is_loss:
        places = {value: k / max(1, len(distinct) - 1) for k, value in enumerate(distinct)}
        heights = [None if _is_missing(value) else places[value] for value in values]
        return _Axis(name, heights, [(places[value], number(value)) for value in distinct], texts)
    if any(isinstance(value, str) for value in distinct):
        places = {value: k / max(1, len(distinct) - 1) for k, value in enumerate(distinct)}
        ticks = [(places[value], number(value)) for value in (distinct[0], distinct[-1])]
        return _Axis(name, [places.get(value) for value in values], ticks, texts)
    finite = [float(value) for value in distinct if math.isfinite(value)]
    is_log = bool(finite) and ((is_loss and finite[-1] > 0) or is_spread(finite))
    if is_log:
        high = finite[-1] if most is None else min(finite[-1], most)
        low = max(next(v for v in finite if v > 0), 1e-16)
    else:
        low, high = (finite[0], finite[-1]) if finite else (0.0, 1.0)

    def height(value: Any) -> float | None:
        if _is_missing(value):
            return 1.0 if is_loss else None
        if not high > low:
            return 0.5
        inside = min(max(float(value), low), high)
        share = math.log(inside / low) / math.log(high / low) if is_log else (inside - low) / (high - low)
        return round(share, 4)

    marks = [low * (high / low) ** (k / 4) if is_log else low + (high - low) * k / 4 for k in range(5)]
    if not is_log and high > low:
        places_kept = 1 - math.floor(math.log10(high - low))
        marks = [round(mark, places_kept) + 0.0 for mark in marks]
    ticks = [(k / 4, _brief_number(mark)) for k, mark in enumerate(marks)] if high > low else [(0.5, number(low))]
    return _Axis(name, [height(value) for value in values], ticks, texts)


def _brief_number(value: float) -> str:
    """Two digits, without an exponent where it can be helped."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:g}" if 1e-3 <= abs(rounded) < 1e5 or rounded == 0 else f"{rounded:.2g}"


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _lines(axes: Sequence[_Axis], own: Sequence[int], name: str, colour: str, count: int) -> dict[str, Any]:
    xs: list[int | None] = []
    ys: list[float | None] = []
    ids: list[int | None] = []
    texts: list[str] = []
    for job in own:
        for place, axis in enumerate(axes):
            xs.append(place)
            ys.append(axis.heights[job])
            ids.append(job)
            texts.append(label(f"{axis.name} {axis.texts[job]}"))
        xs.append(None)
        ys.append(None)
        ids.append(None)
        texts.append("")
    opacity = max(0.06, min(0.7, 30 / max(1, count)))
    return {
        "x": xs,
        "y": ys,
        "mode": "lines+markers",
        "line": {"color": f"{colour}/{opacity:.2f}", "width": 1.2},
        "marker": {"color": f"{colour}/{min(1.0, 3 * opacity):.2f}", "size": 4},
        "name": name,
        "customdata": ids,
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
        "meta": "parallel",
    }
