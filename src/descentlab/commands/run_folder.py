"""The folder that `run=` names, for every command that takes one."""

from os.path import exists, isfile  # which have an answer to a name that no disk takes
from pathlib import Path

from descentlab.commands.extract import make_folders
from descentlab.errors import InputError
from descentlab.sweeps.ledger import NAME, read_jobs


def run_folder(text: str) -> Path:
    """The folder of a run; that of a sweep's job which has none yet is made from the record of its stack.

    Raises:
        InputError: it is a sweep's, or of a job that the sweep has not.
    """
    folder = Path(text)
    sweep = folder.parent
    if isfile(folder / NAME):
        raise InputError(
            f"run: {folder} is a sweep's; type run={folder / '0'} for a job of it, or "
            f"python scripts/report.py sweep={folder} for all of it."
        )
    if not exists(folder) and folder.name.isdecimal() and isfile(sweep / NAME):
        jobs = {str(job.number): job for job in read_jobs(sweep)}
        if folder.name not in jobs:
            raise InputError(f"run: expected a job from 0 to {len(jobs) - 1} of {sweep}, got {folder.name}.")
        make_folders([jobs[folder.name]], sweep)
    return folder
