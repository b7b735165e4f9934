"""Jobs' folders, made from the records of their stacks."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from descentlab.errors import InputError
from descentlab.runs.result import read_result
from descentlab.sweeps.compose import Job
from descentlab.sweeps.job_folder import member_of, write_job
from descentlab.sweeps.record import load_record, load_results, records_in


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
        if not missing.keys() & load_results(path).keys():
            continue
        record = load_record(path)
        for k, number in enumerate(record.jobs):
            if (job := missing.pop(number, None)) is not None:
                shutil.rmtree(sweep / str(number), ignore_errors=True)
                module, data = member_of(record, k, job)
                write_job(record, k, job, module, data, sweep / str(number))
    if missing:
        raise InputError(f"job {min(missing)}: it has no result in {sweep}; run the sweep again with resume={sweep}.")
