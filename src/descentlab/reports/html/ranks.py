"""All jobs in the order of their final loss."""

import math
from collections.abc import Sequence
from typing import Any

from descentlab.reports.html.chart import OUTCOMES, Panel, Section, edges, label, log_axis, number, positive
from descentlab.reports.study import Study

_MOST_TICKS = 20


def ranks(study: Study, shown: Sequence[int], most: float) -> Section | None:
    """The final losses from the best to the worst: plateaus are the minima that jobs end in.

    Args:
        study: the jobs.
        shown: those that are drawn.
        most: the largest loss that the axis shows.
    """
    if len(shown) < 3:
        return None
    places = {k: place for place, k in enumerate(sorted(range(len(study.jobs)), key=lambda k: study.jobs[k].rank), 1)}
    order = sorted(range(len(shown)), key=lambda place: places[shown[place]])
    losses = [study.jobs[shown[place]].loss for place in order]
    finite = [loss for loss in losses if math.isfinite(loss) and loss > 0]
    axis = log_axis(f"final {study.loss_name}", finite, most=most)
    bottom, top = edges(axis)
    data: list[dict[str, Any]] = []
    for name, colour, has_failed in OUTCOMES:
        own = [k for k, place in enumerate(order) if study.jobs[shown[place]].has_failed == has_failed]
        data.append(
            {
                "x": [places[shown[order[k]]] for k in own],
                "y": positive([_within(losses[k], bottom, top) for k in own]),
                "mode": "markers",
                "marker": {"color": colour, "size": 6, "opacity": 0.75},
                "name": name,
                "customdata": [order[k] for k in own],
                "text": [label(number(losses[k])) for k in own],
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    note = (
        "Each point is a job; a plateau is a minimum that many jobs end in. Points at the edge lie beyond it. "
        "Click a point or drag a box to select jobs: their curves, their lines and their rows in the table follow."
    )
    if len(shown) < len(study.jobs):
        note += f" {len(shown)} of {len(study.jobs)} jobs are drawn, of all ranks."
    layout = {
        "xaxis": {"title": {"text": "jobs, the best first"}, **({"dtick": 1} if len(shown) <= _MOST_TICKS else {})},
        "yaxis": axis,
        "hovermode": "closest",
        "dragmode": "select",
    }
    return Section("ranks", "Where the jobs end", note, [Panel(data, layout, height=360)], columns=1)


def _within(loss: float, low: float, high: float) -> float:
    return high if math.isnan(loss) else min(max(loss, low), high)
