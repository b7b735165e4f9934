"""What a sweep's folder knows of its jobs: their settings as launched, and which of them have ended."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from descentlab.errors import InputError
from descentlab.runs.files import write_whole
from descentlab.runs.result import Result, read_result
from descentlab.sweeps.compose import Job
from descentlab.sweeps.flat import common, differences, flatten

NAME = "jobs.json"
_OF_THE_LAUNCH = ("check", "figures", "resume", "sweep")
"""Settings that say how a sweep is run and not what it computes."""


def write_ledger(folder: Path, jobs: Sequence[Job]) -> None:
    """Write down every job's settings: what all have in common once, the rest job by job."""
    settings = [_mathematics(job.settings) for job in jobs]
    shared = common(settings)
    rows = [
        {"overrides": job.overrides, "settings": {k: v for k, v in flatten(each).items() if k not in shared}}
        for job, each in zip(jobs, settings, strict=True)
    ]
    lines = ",\n".join(json.dumps(row) for row in rows)
    write_whole(folder / NAME, f'{{"common": {json.dumps(shared)},\n"jobs": [\n{lines}\n]}}\n')


def check_unchanged(folder: Path, jobs: Sequence[Job]) -> None:
    """Refuse to go on with a sweep under other settings than it was launched with.

    Raises:
        InputError: the folder is no sweep's, or the first key that differs, with both values.
    """
    path = folder / NAME
    try:
        ledger = json.loads(path.read_text(encoding="utf-8"))
        launched = [{**ledger["common"], **row["settings"]} for row in ledger["jobs"]]
    except FileNotFoundError:
        raise InputError(f"resume: expected the folder of a sweep, got {folder}, which has no {NAME}.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: expected the jobs of a sweep, but it cannot be read ({error!r}).") from error
    if len(launched) != len(jobs):
        raise InputError(f"resume: {folder} has {len(launched)} jobs, but the command line gives {len(jobs)}.")
    for before, job in zip(launched, jobs, strict=True):
        for key, (old, new) in differences(before, flatten(_mathematics(job.settings))).items():
            raise InputError(
                f"resume: job {job.number} was launched with {key}={old}, and now has {key}={new}; "
                "start a new sweep for other settings."
            )


def finished(folder: Path) -> Result | None:
    """The result of a job's folder, if the job has ended by itself; a job cut short or failed has not."""
    result = read_result(folder)
    return result if result is not None and result.status in ("completed", "diverged") else None


def _mathematics(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in _OF_THE_LAUNCH}
