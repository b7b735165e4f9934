"""A sweep from its jobs to its tables."""

import shutil
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from descentlab.engines.record import CannotRecord
from descentlab.errors import InputError
from descentlab.runs.train import train
from descentlab.sweeps.compose import Job
from descentlab.sweeps.grouping import Group, group_jobs
from descentlab.sweeps.ledger import check_unchanged, finished, write_ledger
from descentlab.sweeps.stack import train_stack
from descentlab.sweeps.table import Outcome, summary_rows, sweep_rows, write_table


def launch(jobs: Sequence[Job], folder: Path) -> list[Outcome]:
    """Train all jobs, stacked where they can be, and leave their folders and the sweep's tables.

    Args:
        jobs: composed and checked.
        folder: of the sweep; it exists, and is this sweep's alone. With `resume`, the jobs that have
            ended there stay as they are.

    Returns:
        The outcomes in the order of the jobs.

    Raises:
        InputError: the sweep to be resumed was launched with other settings.
    """
    if jobs[0].settings["resume"] is None:
        write_ledger(folder, jobs)
    else:
        check_unchanged(folder, jobs)
    outcomes = {job.number: Outcome(job, result) for job in jobs if (result := finished(folder / str(job.number)))}
    for group in group_jobs([job for job in jobs if job.number not in outcomes]):
        for job in group.jobs:
            shutil.rmtree(folder / str(job.number), ignore_errors=True)  # of a job cut short
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
    if group.reason is None and len(group.jobs) > 1:
        try:
            return train_stack(group.jobs, folder)
        except (CannotRecord, InputError) as why:  # nothing is written yet, and a job that fails is to fail alone
            print(f"jobs run alone: {why}", file=sys.stderr)
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
