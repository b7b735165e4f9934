"""The report of sweeps and runs, from their folders to the file."""

import math
from pathlib import Path

import numpy as np

from descentlab.reports.histories import read_histories
from descentlab.reports.html.failure_rates import failure_rates
from descentlab.reports.html.fits import chosen_jobs, fits
from descentlab.reports.html.headlines import headlines
from descentlab.reports.html.heat_maps import heat_maps
from descentlab.reports.html.loss_curves import loss_curves
from descentlab.reports.html.page import page
from descentlab.reports.html.parallel import parallel
from descentlab.reports.html.ranks import ranks
from descentlab.reports.html.stability import stability, stability_limits
from descentlab.reports.study import Study
from descentlab.runs.files import write_whole

_ROOM = 100
"""Axes of losses end at so many times the largest loss at a start, where not all diverged: what did lies beyond."""

_FEWEST_ROWS = 128
_MOST_VALUES = 25_000
"""Of all curves together, where they have more rows than the fewest: a run is drawn at all of its 10 000 steps."""

MOST_JOBS = 1000
"""Jobs that are listed one by one; of more, these are taken evenly from all ranks."""


def write_report(study: Study, to: Path) -> None:
    """Write the report of a study to one file.

    Args:
        study: its folders are looked into for histories and fits.
        to: the file; links in it are relative to its folder.
    """
    num_rows = max(_FEWEST_ROWS, _MOST_VALUES // len(study.jobs))
    histories = read_histories([job.folder for job in study.jobs], [job.status for job in study.jobs], num_rows)
    shown = shown_jobs(study)
    limits = stability_limits(study)
    starts = histories.losses[:, :1]
    most = _ROOM * float(starts[np.isfinite(starts)].max(initial=0.0)) or math.inf
    if all(job.status == "diverged" for job in study.jobs):
        most = math.inf
    sections = [
        failure_rates(study, limits),
        stability(study, limits, shown),
        loss_curves(study, histories, shown, most),
        heat_maps(study),
        ranks(study, shown, most),
        parallel(study, histories, shown, most),
        fits(study),
    ]
    drawn = [section for section in sections if section is not None]
    write_whole(to, page(study, headlines(study, limits), drawn, histories, shown, to.parent))


def shown_jobs(study: Study) -> list[int]:
    """The jobs that are listed one by one: all, or `MOST_JOBS` evenly from all ranks and those whose fits are
    drawn."""
    numbers = range(len(study.jobs))
    if len(numbers) <= MOST_JOBS:
        return list(numbers)
    ranked = sorted(numbers, key=lambda k: study.jobs[k].rank)
    chosen = [k for _, k in chosen_jobs(study)]
    room = MOST_JOBS - len(chosen)
    return sorted({*chosen, *(ranked[j * len(ranked) // room] for j in range(room))})
