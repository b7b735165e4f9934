"""The answers first: sentences with numbers, made from the data."""

import itertools
import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from descentlab.functional.intervals import wilson_interval
from descentlab.reports.html.chart import number, percent
from descentlab.reports.html.failure_rates import bound_in_words, failures_by
from descentlab.reports.html.order import median_of, summary_rank
from descentlab.reports.names import short_name
from descentlab.reports.study import FOLDER, Job, Study

_MOST_VALUES = 8


def headlines(study: Study, limits: Mapping[int, float]) -> list[str]:
    """What a reader wants to know first, each as one sentence of plain text.

    Args:
        study: the jobs.
        limits: the largest stable learning rate of jobs, by their index, where it is known.
    """
    if len(study.jobs) == 1:
        return [_lone(study)]
    sentences = [_failures(study)]
    counts_differ = 0 < sum(job.has_failed for job in study.jobs) < len(study.jobs)
    for key in study.swept:
        if counts_differ:
            sentences.append(_failures_along(study, key))
    sentences.append(_best_settings(study))
    if limits:
        sentences.append(_stability(study, limits))
    sentences.append(_best_job(study))
    return [sentence for sentence in sentences if sentence]


def _lone(study: Study) -> str:
    (job,) = study.jobs
    end = {"completed": "completed", "diverged": "diverged after"}.get(job.status, f"was {job.status} after")
    metrics = ", ".join(f"{name} {number(value)}" for name, value in job.metrics.items())
    return f"The run {end} {job.num_steps} updates: {metrics}."


def _failures(study: Study) -> str:
    count, failures = len(study.jobs), sum(job.has_failed for job in study.jobs)
    what = _sampled(study)
    bound = bound_in_words(study)
    if not failures:
        return f"None of the {count} {what} failed{f': none {bound}' if bound else ''}."
    low, high = wilson_interval(failures, count)
    diverged = sum(job.status == "diverged" for job in study.jobs)
    above = sum(job.status == "completed" for job in study.jobs if job.has_failed)
    reasons = [(each, why) for each, why in ((diverged, "diverged"), (above, bound)) if each]
    detail = "".join(f"{', ' if k else '; '}{each} of them {why}" for k, (each, why) in enumerate(reasons))
    if reasons and reasons[0][0] == failures:
        detail = f"; {'all of these' if failures > 1 else 'it'} {reasons[0][1]}"
    interval = "" if study.swept else f" (95\u00a0% interval {percent(low)} to {percent(high)})"
    return f"{failures} of {count} {what} failed, {percent(failures / count)}{interval}{detail}."


def _sampled(study: Study) -> str:
    """What the jobs are, where they differ in one seed or in the fold alone."""
    names = {"model.seed": "starts", "data.seed": "draws of the data", "seed": "seeds", "data.fold": "folds"}
    return names.get(study.varied[0], "jobs") if len(study.varied) == 1 else "jobs"


def _failures_along(study: Study, key: str) -> str:
    counts = failures_by(study, key)
    name = short_name(key, study.varied)
    rates = [failures / count for failures, count in counts.values()]
    if max(count for _, count in counts.values()) == 1:
        failed = [number(value) for value, (failures, _) in counts.items() if failures]
        return f"Failed at {name} {', '.join(failed)}; the other {len(counts) - len(failed)} values did not fail."
    values = list(counts)
    steps = list(itertools.pairwise(rates))
    are_numbers = all(isinstance(value, int | float) for value in values)
    way = "Failures"
    if are_numbers and all(a >= b for a, b in steps) and rates[0] > rates[-1]:
        way = f"Failures fall as {name} grows"
    elif are_numbers and all(a <= b for a, b in steps) and rates[0] < rates[-1]:
        way = f"Failures rise as {name} grows"
    shown = _thinned(list(zip(values, rates, strict=True)))
    parts = [f"{percent(rate)} at {number(value)}" for value, rate in shown]
    first = next((value for value, rate in zip(values, rates, strict=True) if rate), None)
    onset = ""
    if way.startswith("Failures rise"):
        lowest = ", the lowest tried" if first == values[0] else ""
        onset = f" They start at {name} {number(first)}{lowest}."
    by = "" if " as " in way else f" by {name}"
    return f"{way}{by}: {', '.join(parts)}.{onset}"


def _thinned(pairs: Sequence[tuple[Any, float]]) -> list[tuple[Any, float]]:
    if len(pairs) <= _MOST_VALUES:
        return list(pairs)
    last = len(pairs) - 1
    kept = sorted({round(k * last / (_MOST_VALUES - 1)) for k in range(_MOST_VALUES)})
    return [pairs[k] for k in kept]


def _best_settings(study: Study) -> str:
    """The first two rows and the last of the summary, in its order."""
    if not study.swept or FOLDER in study.swept:
        return ""
    ranked = sorted(study.grouped(study.swept).items(), key=lambda group: summary_rank(study, group[1]))
    places = [summary_rank(study, jobs) for _, jobs in ranked]
    if places[0] == places[-1] or places[0][0]:
        return ""
    is_lone = all(len(jobs) == 1 for _, jobs in ranked)
    last = next(group for group in reversed(ranked) if not is_lone or not group[1][0].has_failed)
    order = [*ranked[:2], *([last] if last not in ranked[:2] else [])]
    told = [f"{_named(study, values)} ({_ended(study, jobs)})" for values, jobs in order]
    what = f"final {study.loss_name}" if is_lone else f"median {study.loss_name}"
    best = f"{short_name(study.swept[0], study.varied)} by {what} is"
    if len(study.swept) > 1:
        best = f"settings by {what} are"
    ending = f"; last {told[2]}" if len(told) > 2 else ""
    return f"The best {best} {told[0]}; next {told[1]}{ending}."


def _named(study: Study, values: Sequence[Any]) -> str:
    if len(values) == 1:
        return number(values[0])
    names = [short_name(key, study.varied) for key in study.swept]
    return ", ".join(f"{name} {number(value)}" for name, value in zip(names, values, strict=True))


def _ended(study: Study, jobs: Sequence[Job]) -> str:
    failed = sum(job.has_failed for job in jobs) / len(jobs)
    middle = number(median_of(jobs, study.loss_name))
    if len(jobs) == 1:
        return "failed" if failed else middle
    return f"{percent(failed)} failed" if failed == 1 else f"{middle}, {percent(failed)} failed"


def _stability(study: Study, limits: Mapping[int, float]) -> str:
    rates = {k: study.jobs[k].settings["optimizer"]["lr"] for k in limits}
    distinct = sorted(set(limits.values()))
    over = [k for k in limits if rates[k] > limits[k]]
    diverged = [k for k in limits if study.jobs[k].status == "diverged"]
    if len(distinct) == 1:
        limit = f"The stability limit 2/λmax is {number(distinct[0])}"
    else:
        limit = (
            f"The stability limit 2/λmax takes {len(distinct)} values between {number(distinct[0])} and "
            f"{number(distinct[-1])}, median {number(median(distinct))}"
        )
    if not over:
        return f"{limit}, above every learning rate."
    inside = len(set(over) & set(diverged))
    ending = f", and {inside} of the {len(diverged)} that diverged are among these" if diverged else ""
    if inside and inside == len(diverged):
        ending = f", and all {inside} that diverged are among these" if inside > 1 else ", which diverged"
    return f"{limit}. It lies below the learning rate of {len(over)} of {len(limits)} jobs{ending}."


def _best_job(study: Study) -> str:
    ended = [job for job in study.jobs if job.status == "completed" and math.isfinite(job.loss)]
    if not ended:
        return ""
    best = min(ended, key=lambda job: job.loss)
    title = study.title_of(best)
    return f"Job {best.label} ended best: {study.loss_name} {number(best.loss)}{f' ({title})' if title else ''}."
