"""What a sweep's folder knows of its jobs: their settings as launched, and which of them have ended."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from descentlab.errors import InputError
from descentlab.runs.files import write_whole
from descentlab.settings.flat import common, differences, flatten, nest
from descentlab.sweeps.compose import Job
from descentlab.sweeps.hydra_files import HydraFiles, Template

NAME = "jobs.json"
_OF_THE_LAUNCH = ("check", "figures", "resume", "sweep", "debug", "trusted_packages")
"""Settings that say how a sweep is run and not what it computes."""


class Ledger:
    """The jobs of a sweep, in the order of their numbers, and `jobs.json`, which holds them.

    A job's settings are frozen when it is noted: what is edited afterwards changes nothing.

    Args:
        folder: of the sweep.
        jobs: that are in its `jobs.json`.

    Attributes:
        noted: the numbers of those that this launch has noted.
    """

    def __init__(self, folder: Path, jobs: list[Job]) -> None:
        self.folder = folder
        self.jobs = jobs
        self.noted: set[int] = set()

    def note(self, jobs: Sequence[Job]) -> None:
        """Add jobs, and find the ones with numbers that are known as they were.

        Raises:
            InputError: a known job had other settings; the message names the first key that differs.
        """
        known = len(self.jobs)
        for job in jobs:
            if job.number < known:
                _check_unchanged(self.jobs[job.number], job)
                self.jobs[job.number] = job  # with the settings of this launch
        new = [job for job in jobs if job.number >= known]
        if new:
            assert new[0].number == known, "jobs are numbered without gaps"
            self.jobs += new
            write_whole(self.folder / NAME, _text(self.jobs))
        self.noted |= {job.number for job in jobs}


@cache
def ledger_of(folder: Path) -> Ledger:
    """The ledger of a sweep, one and the same for whoever asks in this process.

    Args:
        folder: of the sweep, absolute.

    Raises:
        InputError: its `jobs.json` cannot be read.
    """
    return Ledger(folder, read_jobs(folder) if (folder / NAME).exists() else [])


def read_jobs(folder: Path) -> list[Job]:
    """The jobs of a sweep as they were launched.

    Raises:
        InputError: the folder is no sweep's.
    """
    path = folder / NAME
    try:
        ledger = json.loads(path.read_text(encoding="utf-8"))
        shared, orders = ledger["common"], ledger["orders"]
        templates = [Template(**{**plain, "keys": tuple(plain["keys"])}) for plain in ledger["templates"]]
        jobs = []
        for number, row in enumerate(ledger["jobs"]):
            values = {**shared, **row["settings"]}
            settings = nest({key: values[key] for key in orders[row["order"]]})
            files = HydraFiles(templates[row["template"]], number, row["overrides"], row["values"])
            jobs.append(Job(number, row["overrides"], settings, files))
        return jobs
    except FileNotFoundError:
        raise InputError(f"expected the folder of a sweep, got {folder}, which has no {NAME}.") from None
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(f"{path}: expected the jobs of a sweep, but it cannot be read ({error!r}).") from error


def _text(jobs: Sequence[Job]) -> str:
    """What all jobs have in common once, and the rest job by job; the keys of each in their order, and what Hydra's
    files of it are made from."""
    flats = [flatten(job.settings) for job in jobs]
    shared = common(flats)
    orders: dict[tuple[str, ...], int] = {}
    templates: dict[Template, int] = {}
    rows = []
    for job, flat in zip(jobs, flats, strict=True):
        assert job.hydra_files is not None, "what is noted was composed"
        rows.append(
            {
                "overrides": job.overrides,
                "order": orders.setdefault(tuple(flat), len(orders)),
                "settings": {key: value for key, value in flat.items() if key not in shared},
                "template": templates.setdefault(job.hydra_files.template, len(templates)),
                "values": job.hydra_files.values,
            }
        )
    lines = ",\n".join(map(json.dumps, rows))
    plain = [asdict(template) for template in templates]
    head = f'"common": {json.dumps(shared)},\n"orders": {json.dumps(list(orders))},\n"templates": {json.dumps(plain)}'
    return f'{{{head},\n"jobs": [\n{lines}\n]}}\n'


def _check_unchanged(before: Job, after: Job) -> None:
    for key, (old, new) in differences(_mathematics(before), _mathematics(after)).items():
        raise InputError(
            f"resume: job {after.number} was launched with {key}={old}, and now has {key}={new}; "
            "start a new sweep for other settings."
        )


def _mathematics(job: Job) -> dict[str, Any]:
    return flatten({key: value for key, value in job.settings.items() if key not in _OF_THE_LAUNCH})
