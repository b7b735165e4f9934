"""`extract.py`: the folder of any job of a sweep, made from the record of its stack."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from descentlab.commands.entry import run
from descentlab.errors import InputError
from descentlab.settings.check import check
from descentlab.settings.command_line import read_arguments
from descentlab.sweeps.compose import Job
from descentlab.sweeps.ledger import read_jobs

HELP = """
python scripts/extract.py sweep=<sweep folder> job=<number>
python scripts/extract.py sweep=<sweep folder> job=[3,4711]

Makes the folders of jobs in a sweep of more than sweep.folders jobs, which has one file a stack.
"""


def main() -> None:
    """Run the command line."""
    run(_extract, HELP)


def _extract(arguments: Sequence[str]) -> None:
    given = read_arguments(arguments, {"sweep": str, "job": int | list[int]}, required=("sweep",))
    folder = Path(given["sweep"])
    jobs = read_jobs(folder)
    number = given.get("job", [])
    wanted = []
    for each in number if isinstance(number, list) else [number]:
        if not 0 <= each < len(jobs):
            raise InputError(f"job: expected a number from 0 to {len(jobs) - 1}, got {each}.")
        wanted.append(jobs[each])
    if not wanted:
        raise InputError("job: expected a number, got none; type job=…")
    make_folders(wanted, folder)
    for job in wanted:
        print(folder / str(job.number))


def make_folders(jobs: Sequence[Job], sweep: Path) -> None:
    """Make the folders of jobs that are in the records of a sweep's stacks; what was launched is checked again first.

    Raises:
        InputError: a job has no result, or cannot be made again.
    """
    checked = [replace(job, settings=check(job.settings)) for job in jobs]
    from descentlab.sweeps.extract import extract  # torch is imported now, not to say no

    extract(checked, sweep)
