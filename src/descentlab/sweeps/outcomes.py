"""What came of the jobs of a sweep, read from its folder."""

from collections.abc import Sequence
from pathlib import Path

from descentlab.runs.result import Result, read_result
from descentlab.sweeps.compose import Job
from descentlab.sweeps.record import load_results, records_in
from descentlab.sweeps.table import Outcome


def outcomes_in(folder: Path, jobs: Sequence[Job]) -> list[Outcome]:
    """The outcome of every job, in their order; a job that has not ended by itself has no result.

    A job's result is in its folder, or where stacks leave no folders, in the record of its stack.

    Args:
        folder: of the sweep.
        jobs: of the sweep.
    """
    found = {job.number: ended(folder / str(job.number)) for job in jobs}
    recorded: dict[int, Result] = {}
    for path in records_in(folder) if None in found.values() else []:
        recorded |= load_results(path)
    return [Outcome(job, found[job.number] or recorded.get(job.number)) for job in jobs]


def ended(folder: Path) -> Result | None:
    """The result of a job's folder; one that was cut short or failed has none."""
    result = read_result(folder) if folder.is_dir() else None
    return result if result is not None and result.status in ("completed", "diverged", "pruned") else None


def ended_among(jobs: Sequence[Job], folder: Path) -> dict[int, Result]:
    """The results of those of a piece's jobs that have ended, by their numbers.

    Args:
        jobs: of one piece; so no record but theirs is read, which are named after a member of theirs.
        folder: of the sweep.
    """
    numbers = [job.number for job in jobs]
    names = set(map(str, numbers))
    recorded: dict[int, Result] = {}
    for path in records_in(folder):
        if path.stem in names:
            recorded |= load_results(path)
    found = {number: ended(folder / str(number)) or recorded.get(number) for number in numbers}
    return {number: result for number, result in found.items() if result is not None}
