"""How often jobs fail at each value of each swept setting."""

from collections.abc import Mapping, Sequence
from typing import Any

from descentlab.functional.intervals import wilson_interval
from descentlab.reports.html.chart import Panel, Section, category_axis, label, number, percent, rate_axis
from descentlab.reports.names import short_name, shortened
from descentlab.reports.study import Study

RATE = "optimizer.lr"
_MOST_LINES = 6


def failure_rates(study: Study, limits: Mapping[int, float]) -> Section | None:
    """The failure rate against each swept setting, over all values of the others, with its 95 % interval;
    nothing where none failed.

    Args:
        study: the jobs.
        limits: the largest stable learning rate of jobs, by their index, where it is known.
    """
    if not study.swept or not any(job.has_failed for job in study.jobs):
        return None
    lines = _shares_beyond(study, limits)
    panels = [_panel(study, key, lines) for key in study.swept]
    note = f"A job has failed if it {_meaning(study)}. Bars are 95 % intervals (Wilson)."
    if len(study.swept) > 1:
        note += " Each panel counts over all values of the other settings."
    if lines:
        which = "The line is" if len(lines) == 1 else "The lines are, for each combination of the other settings,"
        note += (
            f" {which} the share of jobs whose stability limit, 2/λmax of the Hessian, lies below the rate: "
            "these must diverge in the end."
        )
    return Section("failures", "Failure rate", note, panels, columns=min(2, len(panels)))


def _meaning(study: Study) -> str:
    bound = bound_in_words(study)
    return f"diverged or broke down{bound and f', or {bound}'}"


def bound_in_words(study: Study) -> str:
    """By which end a job that did not diverge counts as failed; empty where none does."""
    bounds = {job.fails_above for job in study.jobs}
    if bounds == {None}:
        return ""
    above = "their own sweep.fails_above" if len(bounds) > 1 else number(bounds.pop())
    return f"ended with a training MSE above {above}"


def failures_by(study: Study, key: str) -> dict[Any, tuple[int, int]]:
    """Failures and jobs at each value of a setting."""
    groups = study.grouped([key])
    return {value: (sum(job.has_failed for job in jobs), len(jobs)) for (value,), jobs in groups.items()}


def _panel(study: Study, key: str, lines: Sequence[dict[str, Any]]) -> Panel:
    counts = failures_by(study, key)
    rates = [failures / count for failures, count in counts.values()]
    intervals = [wilson_interval(failures, count) for failures, count in counts.values()]
    name = short_name(key, study.varied)
    as_numbers = key == RATE and all(isinstance(value, int | float) for value in counts)
    data: list[dict[str, Any]] = [
        {
            "x": list(counts) if as_numbers else [label(number(value)) for value in counts],
            "y": [100 * rate for rate in rates],
            "error_y": {
                "visible": max(count for _, count in counts.values()) > 1,
                "type": "data",
                "symmetric": False,
                "array": [100 * (high - rate) for rate, (_, high) in zip(rates, intervals, strict=True)],
                "arrayminus": [100 * (rate - low) for rate, (low, _) in zip(rates, intervals, strict=True)],
                "color": "@orange",
                "thickness": 2,
                "width": 5,
            },
            "mode": "markers",
            "marker": {"size": 10, "color": "@orange"},
            "name": "failed",
            "text": [
                f"{failures} of {count} failed: {percent(failures / count)}<br>95 % interval {percent(low)} "
                f"to {percent(high)}"
                for (failures, count), (low, high) in zip(counts.values(), intervals, strict=True)
            ],
            "hovertemplate": f"{label(name)} %{{x}}<br>%{{text}}<extra></extra>",
        }
    ]
    axis = category_axis(name, list(counts))
    if as_numbers:
        axis = rate_axis(name, list(counts))
        data += lines
    layout = {"xaxis": axis, "yaxis": {"title": {"text": "failed, %"}, "range": [-4, 104]}, "hovermode": "closest"}
    return Panel(data, layout, "" if len(study.swept) == 1 else name, 360)


def _shares_beyond(study: Study, limits: Mapping[int, float]) -> list[dict[str, Any]]:
    """The share of the limits that lie below a rate: one line for all jobs where the other settings do not move the
    limits, else one for each of a few combinations of them; none for many."""
    if RATE not in study.swept:
        return []
    rates = [rate for (rate,) in study.grouped([RATE])]
    others = [key for key in study.swept if key != RATE]
    groups: dict[tuple[Any, ...], list[float]] = {}
    for k, limit in limits.items():
        groups.setdefault(tuple(study.jobs[k].values.get(key) for key in others), []).append(limit)
    if len(limits) == len(study.jobs) and len({frozenset(group) for group in groups.values()}) == 1:
        others, groups = [], {(): list(limits.values())}
    if len(groups) > _MOST_LINES or not all(isinstance(rate, int | float) for rate in rates):
        return []
    names = [short_name(key, study.varied) for key in others]
    traces = []
    for k, (values, group) in enumerate(groups.items()):
        told = [f"{name} {shortened(number(value), 18)}" for name, value in zip(names, values, strict=True)]
        traces.append(_share_beyond(rates, sorted(group), ", ".join(told), k / max(1, len(groups) - 1)))
    return traces


def _share_beyond(rates: Sequence[float], limits: Sequence[float], of: str, share: float) -> dict[str, Any]:
    """A staircase over the range of the rates."""
    low, high = min(rates), max(rates)
    inside = [limit for limit in limits if low <= limit <= high]
    below = sum(limit < low for limit in limits)
    heights = [below, *(below + k + 1 for k in range(len(inside))), below + len(inside)]
    return {
        "x": [low, *inside, high],
        "y": [100 * height / len(limits) for height in heights],
        "mode": "lines",
        "line": {"color": f"@scale/{share:.3f}" if of else "@blue", "width": 2, "shape": "hv"},
        "name": label(f"2/λmax below the rate{f', {of}' if of else ''}"),
        "hovertemplate": f"{label(of)}<br>2/λmax of %{{y:.1f}} % lies below %{{x:.4g}}<extra></extra>",
    }
