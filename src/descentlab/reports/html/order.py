"""The order of `summary.csv`, for what the report says of settings."""

import math
from collections.abc import Sequence
from statistics import median

from descentlab.reports.study import Job, Study


def median_of(jobs: Sequence[Job], metric: str) -> float | None:
    """The median of a final metric over the jobs that ended finite, without those that diverged; None for none."""
    ended = [job.metrics.get(metric, math.nan) for job in jobs if job.status != "diverged"]
    finite = [value for value in ended if math.isfinite(value)]
    return median(finite) if finite else None


def summary_rank(study: Study, jobs: Sequence[Job]) -> tuple[bool, float]:
    """What sorts the jobs of one combination of settings among the others: those that all failed come last,
    the rest by the median of the final loss."""
    middle = median_of(jobs, study.loss_name)
    return all(job.has_failed for job in jobs), math.inf if middle is None else middle
