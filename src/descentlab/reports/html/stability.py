"""The stability limit of gradient descent, 2/lambda_max, beside what became of the jobs."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from descentlab.errors import InputError
from descentlab.nets.linear_in_parameters import LinearInParameters
from descentlab.reports.html.chart import OUTCOMES, Panel, Section, edges, label, log_axis, number, positive, rate_axis
from descentlab.reports.study import Job, Study
from descentlab.runs.assemble import build_data, build_module
from descentlab.runs.stability import stability as stability_of
from descentlab.settings.check import check_target

_LOSSES = ("descentlab.functional.losses.mse", "descentlab.functional.losses.sse")
_MOST_DRAWS = 2000
_AT_THE_LIMIT = {
    "type": "line",
    "x0": 1,
    "x1": 1,
    "yref": "paper",
    "y0": 0,
    "y1": 1,
    "line": {"color": "@text", "width": 1.5, "dash": "dash"},
}


def stability_limits(study: Study) -> dict[int, float]:
    """The largest stable learning rate of each job for which it is known exactly: plain gradient descent on
    the MSE or the SSE of a model that is linear in its parameters. Empty for a study of very many draws.

    Returns:
        2 / lambda_max by the index of the job.
    """
    known: dict[str, float | None] = {}
    limits = {}
    for k, job in enumerate(study.jobs):
        if not _is_plain_descent(job):
            continue
        key = json.dumps([job.settings[group] for group in ("data", "loss")] + [_form_of(job)], default=str)
        if key not in known:
            if len(known) == _MOST_DRAWS:
                return {}
            known[key] = _limit(job)
        limit = known[key]
        if limit is not None:
            limits[k] = limit
    return limits


def _is_plain_descent(job: Job) -> bool:
    optimizer = job.settings["optimizer"]
    extras = [optimizer.get(name, 0) for name in ("momentum", "weight_decay")]
    return (
        optimizer["_target_"] == "torch.optim.SGD"
        and not any(extras)
        and job.settings["scheduler"].get("_target_") is None
        and job.settings["data"].get("batch_size") is None
        and job.settings["loss"]["_target_"] in _LOSSES
    )


def _form_of(job: Job) -> dict[str, Any]:
    return {k: v for k, v in job.settings["model"].items() if k not in ("seed", "initial_coefficients")}


def _limit(job: Job) -> float | None:
    try:
        settings = {**job.settings, "data": check_target(job.settings["data"], "data", "data")}
        settings["model"] = check_target(job.settings["model"], "model", "model")
        data = build_data(settings["data"])
        module = build_module(settings)
        return stability_of(module, data).limit if isinstance(module.net, LinearInParameters) else None
    except (InputError, OSError):  # a table that is gone: the report does without
        return None


def stability(study: Study, limits: Mapping[int, float], shown: Sequence[int]) -> Section | None:
    """Each job's learning rate over its own limit against its final loss: beyond 1 it must diverge.

    Args:
        study: the jobs.
        limits: of jobs, by their index.
        shown: the jobs that are drawn.
    """
    own = [(place, k) for place, k in enumerate(shown) if k in limits]
    if len(own) < 3:
        return None
    ratios = [study.jobs[k].settings["optimizer"]["lr"] / limits[k] for _, k in own]
    losses = [study.jobs[k].metrics.get("train/loss", math.nan) for _, k in own]
    has_value = [
        study.jobs[k].status != "diverged" and math.isfinite(loss) for loss, (_, k) in zip(losses, own, strict=True)
    ]
    axis = log_axis("final training loss", [loss for loss, has in zip(losses, has_value, strict=True) if has])
    bottom, top = edges(axis)
    texts = [
        f"loss {label(number(loss))}, 2/λmax = {number(limits[k])}, "
        f"learning rate {number(study.jobs[k].settings['optimizer']['lr'])}"
        for loss, (_, k) in zip(losses, own, strict=True)
    ]
    data = []
    for name, colour, has_failed in OUTCOMES:
        chosen = [j for j, (_, k) in enumerate(own) if study.jobs[k].has_failed == has_failed]
        heights = [max(losses[j], bottom) if has_value[j] else top for j in chosen]
        data.append(
            {
                "x": [float(f"{ratios[j]:.5g}") for j in chosen],
                "y": positive(heights),
                "mode": "markers",
                "marker": {"color": colour, "size": 7, "opacity": 0.75},
                "name": name,
                "customdata": [own[j][0] for j in chosen],
                "text": [texts[j] for j in chosen],
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    layout = {
        "xaxis": rate_axis("learning rate ÷ (2/λmax)", ratios),
        "yaxis": axis,
        "shapes": [_AT_THE_LIMIT],
        "hovermode": "closest",
        "dragmode": "select",
    }
    note = (
        "Gradient descent is stable only for learning rates below 2/λmax of the Hessian, the dashed line, which "
        "moves with the data drawn: each job is shown against the limit of its own data. Just beyond it the loss "
        "grows slowly, and just below it falls slowly."
    )
    if not all(has_value):
        note += " Points at the upper edge diverged or broke down."
    if below := [loss for loss, has in zip(losses, has_value, strict=True) if has and loss < bottom]:
        note += f" Points at the lower edge have a loss of 0{' or nearly 0' if any(below) else ''}."
    return Section("stability", "The stability limit", note, [Panel(data, layout, height=400)], columns=1)
