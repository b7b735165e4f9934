"""`sweep.csv`: a row a job; `summary.csv`: the same grouped over the seeds and the folds."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from descentlab.functional.intervals import student_bound, wilson_interval
from descentlab.runs.files import write_whole
from descentlab.runs.result import Result
from descentlab.sweeps.compose import Job

Row = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """A job and what came of it; `result` is None for a job that broke down."""

    job: Job
    result: Result | None


def sweep_rows(outcomes: Sequence[Outcome], folder: Path) -> list[Row]:
    """A row a job: its number, status and steps, each override, the final metrics, the coefficients and
    the folder, relative to the sweep's."""
    return [_row(outcome, folder) for outcome in outcomes]


def _row(outcome: Outcome, folder: Path) -> Row:
    result = outcome.result
    row: Row = {
        "job": outcome.job.number,
        "status": result.status if result is not None else "failed",
        "num_steps": result.num_steps if result is not None else None,
        **varied(outcome.job),
    }
    if result is not None:
        inside = result.folder.is_relative_to(folder)
        where = result.folder.relative_to(folder) if inside else result.folder
        row |= {**result.metrics, **result.coefficients, "folder": str(where)}
    return row


def varied(job: Job) -> dict[str, str]:
    """A job's overrides by key, as typed."""
    return dict(text.lstrip("+~").partition("=")[::2] for text in job.overrides)


def is_repetition(key: str) -> bool:
    """Whether a setting tells repetitions apart, over which the jobs are a sample: a seed, or the fold held back."""
    return key.rpartition(".")[2] in ("seed", "fold")


def has_failed(status: str, metrics: Mapping[str, float], fails_above: float | None) -> bool:
    """Whether a job counts as failed: it did not end by itself, or with a `train/mse` above the bound. One that a
    pruner stopped does not."""
    if status != "completed":
        return status != "pruned"
    return fails_above is not None and not metrics["train/mse"] <= fails_above


def summary_rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """The jobs grouped by their overrides but the seeds and the fold, the best first.

    Each row has the count, the failures with their rate and its 95 % interval (Wilson 1927), and of each
    metric over the jobs that did not diverge the mean, standard deviation, median and the 95 % interval of
    the mean (Student's t): None where all diverged. Each job is held to the `sweep.fails_above` of its own settings.
    """
    groups: dict[tuple[tuple[str, str], ...], list[Outcome]] = {}
    for outcome in outcomes:
        key = tuple((k, v) for k, v in varied(outcome.job).items() if not is_repetition(k))
        groups.setdefault(key, []).append(outcome)
    rows = [_summary(dict(key), members) for key, members in groups.items()]
    return sorted(rows, key=lambda row: (row["failure_rate"] == 1, _rank(row)))


def _rank(row: Row) -> float:
    for metric in ("val/loss", "train/loss"):
        value = row.get(f"{metric} median")
        if value is not None:
            return float(value)
    return math.inf


def _summary(settings: Mapping[str, str], members: Sequence[Outcome]) -> Row:
    count = len(members)
    failures = sum(map(_counts_as_failed, members))
    low, high = wilson_interval(failures, count)
    row: Row = {
        **settings,
        "count": count,
        "failures": failures,
        "failure_rate": failures / count,
        "failure_rate low": low,
        "failure_rate high": high,
    }
    results = [member.result for member in members if member.result is not None]
    for metric in dict.fromkeys(name for result in results for name in result.metrics):
        values = [result.metrics.get(metric, math.nan) for result in results if result.status != "diverged"]
        row |= {f"{metric} {name}": value for name, value in _spread([*filter(math.isfinite, values)]).items()}
    return row


def _counts_as_failed(outcome: Outcome) -> bool:
    if outcome.result is None:
        return True
    return has_failed(outcome.result.status, outcome.result.metrics, outcome.job.settings["sweep"]["fails_above"])


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    if not values:
        return dict.fromkeys(("mean", "std", "median", "low", "high"))
    mean = fmean(values)
    if len(values) == 1:
        return {"mean": mean, "std": None, "median": mean, "low": None, "high": None}
    std = stdev(values)
    half = student_bound(len(values) - 1) * std / math.sqrt(len(values))
    return {"mean": mean, "std": std, "median": median(values), "low": mean - half, "high": mean + half}


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as a CSV; a column that a row has not is empty there."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    if "folder" in columns:
        columns = [*(column for column in columns if column != "folder"), "folder"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())


def best_of(outcomes: Sequence[Outcome]) -> Outcome | None:
    """The completed job with the lowest validation loss, or training loss where there is none."""
    completed = [outcome for outcome in outcomes if outcome.result is not None and outcome.result.status == "completed"]
    return min(completed, key=final_loss, default=None)


def final_loss(outcome: Outcome) -> float:
    """The last validation loss, or training loss where there is none, of a job that has a result."""
    assert outcome.result is not None
    metrics = outcome.result.metrics
    return metrics.get("val/loss", metrics["train/loss"])
