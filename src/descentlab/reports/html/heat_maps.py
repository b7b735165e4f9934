"""Pairs of swept settings: the failure rate and the median final loss at each."""

import math
from itertools import combinations
from typing import Any

from descentlab.reports.html.chart import Panel, Section, category_axis, label, number, percent
from descentlab.reports.html.order import median_of
from descentlab.reports.names import short_name
from descentlab.reports.study import Study, in_order

_MOST_PAIRS = 6


def heat_maps(study: Study) -> Section | None:
    """A heat map for each pair of swept settings, over all values of the others."""
    pairs = list(combinations(study.swept, 2))[:_MOST_PAIRS]
    if not pairs:
        return None
    failures = sum(job.has_failed for job in study.jobs)
    panels = []
    for first, second in pairs:
        if 0 < failures < len(study.jobs):
            panels.append(_panel(study, first, second, is_rate=True))
        panels.append(_panel(study, first, second, is_rate=False))
    note = f"The failure rate, and the median of {study.loss_name} over the jobs that ended finite."
    return Section("pairs", "Pairs of settings", note, panels, columns=2)


def _panel(study: Study, first: str, second: str, is_rate: bool) -> Panel:
    groups = study.grouped([first, second])
    columns = sorted({key[0] for key in groups}, key=in_order)
    rows = sorted({key[1] for key in groups}, key=in_order)
    values: list[list[float | None]] = []
    texts: list[list[str]] = []
    for row in rows:
        values.append([])
        texts.append([])
        for column in columns:
            jobs = groups.get((column, row), [])
            middle = median_of(jobs, study.loss_name)
            if is_rate and jobs:
                rate = sum(job.has_failed for job in jobs) / len(jobs)
                values[-1].append(100 * rate)
                texts[-1].append(percent(rate))
            elif not is_rate and middle is not None and middle >= 0:
                values[-1].append(math.log10(max(middle, 1e-16)))
                texts[-1].append(number(middle).replace("e-0", "e-").replace("e+", "e"))
            else:
                values[-1].append(None)
                texts[-1].append("")
    names = [short_name(key, study.varied) for key in (first, second)]
    trace: dict[str, Any] = {
        "type": "heatmap",
        "x": [label(number(value)) for value in columns],
        "y": [label(number(value)) for value in rows],
        "z": values,
        "text": texts,
        "texttemplate": "%{text}" if len(columns) <= 8 and len(rows) <= 20 else "",
        "colorscale": "@failures" if is_rate else "@losses",
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "hovertemplate": f"{label(names[0])} %{{x}}<br>{label(names[1])} %{{y}}<br>%{{text}}<extra></extra>",
    }
    if is_rate:
        trace |= {"zmin": 0, "zmax": 100}
    layout = {
        "xaxis": {**category_axis(names[0], columns), "showgrid": False},
        "yaxis": {**category_axis(names[1], rows), "showgrid": False},
        "hovermode": "closest",
    }
    title = "failure rate" if is_rate else f"median {study.loss_name}"
    return Panel([trace], layout, title, max(260, min(560, 110 + 36 * len(rows))))
