"""A sweep from its jobs to its tables."""

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from descentlab.errors import InputError
from descentlab.runs.train import train
from descentlab.sweeps.compose import Job
from descentlab.sweeps.grouping import Group, group_jobs
from descentlab.sweeps.table import Outcome, summary_rows, sweep_rows, write_table


def launch(jobs: Sequence[Job], folder: Path) -> list[Outcome]:
    """Train all jobs, stacked where they can be, and leave their folders and the sweep's tables.

    Args:
        jobs: composed and checked.
        folder: of the sweep; it exists, and is this sweep's alone.

    Returns:
        The outcomes in the order of the jobs.
    """
    outcomes: dict[int, Outcome] = {}
    for group in group_jobs(jobs):
        for outcome in _run_group(group, folder):
            outcomes[outcome.job.number] = outcome
    ordered = [outcomes[job.number] for job in jobs]
    write_table(folder / "sweep.csv", sweep_rows(ordered, folder))
    write_table(folder / "summary.csv", summary_rows(ordered, jobs[0].settings["sweep"]["fails_above"]))
    return ordered


def _run_group(group: Group, folder: Path) -> list[Outcome]:
    if group.reason is not None:
        numbers = ", ".join(str(job.number) for job in group.jobs[:5])
        more = f" and {len(group.jobs) - 5} more" if len(group.jobs) > 5 else ""
        print(f"jobs run alone: {group.reason} (job {numbers}{more})", file=sys.stderr)
    return [_run_alone(job, folder / str(job.number)) for job in group.jobs]


def _run_alone(job: Job, folder: Path) -> Outcome:
    """Run one job as `train.py` would; one that fails, fails alone."""
    folder.mkdir()
    try:
        return Outcome(job, train(job.settings, folder))
    except InputError as error:
        print(f"job {job.number} failed: {error}", file=sys.stderr)
    except Exception:
        print(f"job {job.number} failed:\n{traceback.format_exc()}", file=sys.stderr)
    return Outcome(job, None)
