"""Pieces of a sweep as tasks of SLURM, or of this machine, submitted by submitit."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch.utilities.exceptions import SIGTERMException
from submitit import AutoExecutor, Job
from submitit.core.utils import FailedJobError, UncompletedJobError
from submitit.helpers import Checkpointable

from descentlab.sweeps.dealing import deal, lost
from descentlab.sweeps.pieces import Piece, Results, run_piece

FOLDER = "tasks"
"""Of a sweep's folder: what submitit writes there, the logs of the tasks among it."""

_LOOK_EVERY = 1.0  # second
_ASK_QUEUE_EVERY = 10  # looks: the queue is everybody's
_RESULT_LATE = 15.0  # seconds until a file written on one machine is seen on another


class Task(Checkpointable):
    """What a task does; preempted or out of time it is queued again, and skips the jobs that have ended."""

    def __call__(self, pieces: Sequence[Piece]) -> Results:
        results: Results = {}
        try:
            for piece in pieces:
                results |= run_piece(piece)
        except (SIGTERMException, SystemExit):  # of a stack, of a job that runs alone
            time.sleep(3600)  # the scheduler is about to stop this task, and says with its next signal how
            raise
        return results


def on_submitit(
    pieces: Sequence[Piece],
    sweep: Path,
    *,
    cluster: Literal["slurm", "local"],
    tasks: int,
    timeouts: int,
    parameters: Mapping[str, Any],
) -> Iterator[Results]:
    """Train pieces as tasks of an array.

    A task that fails takes its own jobs with it, which have no result then.

    Args:
        pieces: of one sweep.
        sweep: its folder, which all machines see.
        cluster: SLURM, or processes of this machine.
        tasks: the most there may be.
        timeouts: how often a task that runs out of its time is queued again.
        parameters: of submitit's executor.
    """
    if not pieces:
        return
    executor = AutoExecutor(sweep / FOLDER, cluster=cluster, slurm_max_num_timeout=timeouts)
    executor.update_parameters(name="descentlab", **parameters)
    dealt = deal(pieces, tasks)
    jobs: list[Job[Results]] = executor.map_array(Task(), dealt)
    waiting = dict(zip(jobs, dealt, strict=True))
    look = 0
    try:
        while waiting:
            look += 1
            queued = _in_queue[cluster](list(waiting)) if look % _ASK_QUEUE_EVERY == 0 else set(waiting)
            for job in [job for job in waiting if job not in queued or _has_result(job)]:
                yield _results(job, waiting.pop(job))
            time.sleep(_LOOK_EVERY if waiting else 0)
    finally:
        for job in waiting:
            job.cancel(check=False)


def _results(job: Job[Results], pieces: Sequence[Piece]) -> Results:
    patience = time.monotonic() + _RESULT_LATE
    while not _has_result(job):
        if time.monotonic() > patience:
            return lost(pieces, f"it left the queue without a result; see {job.paths.stderr}")
        time.sleep(_LOOK_EVERY)
    try:
        return job.result()
    except (FailedJobError, UncompletedJobError) as error:
        return lost(pieces, f"see {job.paths.stderr}\n{error}")


def _has_result(job: Job[Results]) -> bool:
    """Whether the task has written what it came to; the folder is read anew, since network disks keep
    what they knew of it."""
    folder = job.paths.folder
    folder.chmod(folder.stat().st_mode)
    return job.paths.result_pickle.exists()


def _in_squeue(jobs: Sequence[Job[Results]]) -> set[Job[Results]]:
    """Those that SLURM has in its queue; all of them while SLURM does not answer."""
    array = jobs[0].job_id.partition("_")[0]
    asked = ["squeue", "--noheader", "--array", "--format=%i", f"--jobs={array}"]
    answer = subprocess.run(asked, capture_output=True, text=True)
    if answer.returncode and "Invalid job id" not in answer.stderr:
        return set(jobs)
    known = set(answer.stdout.split())
    return {job for job in jobs if job.job_id in known}


def _running_here(jobs: Sequence[Job[Results]]) -> set[Job[Results]]:
    return {job for job in jobs if job.state == "RUNNING"}


_in_queue: dict[str, Callable[[Sequence[Job[Results]]], set[Job[Results]]]] = {
    "slurm": _in_squeue,
    "local": _running_here,
}
