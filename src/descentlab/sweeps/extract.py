"""Jobs of stacks, from the records of these: their folders, or what they have learned."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from descentlab.data.points import PointsDataModule
from descentlab.errors import InputError
from descentlab.modules.regression import RegressionModule
from descentlab.runs.result import read_result
from descentlab.sweeps.compose import Job
from descentlab.sweeps.job_folder import member_of, write_job
from descentlab.sweeps.record import load_numbers, load_record, records_in


def extract(jobs: Sequence[Job], sweep: Path) -> None:
    """Make the folders of the jobs that have none with a result; the others stay as they are.

    Args:
        jobs: of the sweep.
        sweep: its folder.

    Raises:
        InputError: a job is in no record, or its points cannot be read any more.
    """
    missing = {job.number: job for job in jobs if read_result(sweep / str(job.number)) is None}
    for path in records_in(sweep) if missing else []:
        if missing.keys().isdisjoint(load_numbers(path)):
            continue
        record = load_record(path)
        for k, number in enumerate(record.jobs):
            if (job := missing.pop(number, None)) is not None:
                shutil.rmtree(sweep / str(number), ignore_errors=True)
                module, data = member_of(record, k, job)
                write_job(record, k, job, module, data, sweep / str(number))
    if missing:
        raise InputError(f"job {min(missing)}: it has no result in {sweep}; run the sweep again with resume={sweep}.")


def trained_jobs(jobs: Sequence[Job], sweep: Path) -> dict[int, tuple[RegressionModule, PointsDataModule]]:
    """Jobs as they ended: the module with its last parameters, and the points, by the numbers of the jobs; without
    those that are in no record or whose points cannot be read any more.

    Args:
        jobs: of the sweep.
        sweep: its folder.

    Raises:
        InputError: a record cannot be read.
    """
    wanted = {job.number: job for job in jobs}
    found = {}
    for path in records_in(sweep) if wanted else []:
        if wanted.keys().isdisjoint(load_numbers(path)):
            continue
        record = load_record(path)
        for k, number in enumerate(record.jobs):
            if number in wanted:
                with suppress(InputError):
                    found[number] = member_of(record, k, wanted[number])
    return found
