"""The jobs of a sweep that are to be trained, handed to workers."""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from descentlab.runs.files import STACKS, remove_temporaries
from descentlab.runs.lock import hold
from descentlab.sweeps.compose import Job
from descentlab.sweeps.extract import extract
from descentlab.sweeps.grouping import group_jobs
from descentlab.sweeps.interruption import stopping_at_signals
from descentlab.sweeps.outcomes import outcomes_in
from descentlab.sweeps.pieces import Workers, cut, listed


def launch(jobs: Sequence[Job], folder: Path, workers: Workers, num_workers: int) -> None:
    """Train the jobs that have no result yet, stacked where they can be.

    Args:
        jobs: composed, checked and noted.
        folder: of the sweep.
        workers: where pieces are trained.
        num_workers: how many pieces at a time keep all workers busy.

    Raises:
        HeldError: another process works in the folder.
    """
    torch.set_num_threads(1)  # what is left to this process are small tensors; a fork shares no threads
    with hold(folder), stopping_at_signals(folder):
        for place in (folder, folder / STACKS):  # the folder of a job that was cut short is made anew
            remove_temporaries(place, below=False)
        leaves_folders = len(jobs) <= jobs[0].settings["sweep"]["folders"]
        outcomes = outcomes_in(folder, jobs)
        if leaves_folders:
            extract([outcome.job for outcome in outcomes if outcome.result is not None], folder)
        groups = group_jobs([outcome.job for outcome in outcomes if outcome.result is None])
        for group in groups:
            if group.reason is not None:
                print(f"jobs run alone: {group.reason} ({listed(group.jobs)})", file=sys.stderr)
        for _ in workers(cut(groups, folder, num_workers=num_workers, leaves_folders=leaves_folders)):
            pass
