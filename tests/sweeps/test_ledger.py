"""The jobs of a sweep as they were launched."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from descentlab.errors import InputError
from descentlab.sweeps.compose import Job
from descentlab.sweeps.ledger import Ledger, read_jobs

MakeJobs = Callable[[Sequence[Sequence[str]]], list[Job]]
RATES = [["model=relu_net", "seed=1"], ["model=linear", "data=two_features"], ["model=linear", "optimizer.lr=0.3"]]


def test_settings_come_back_with_their_types_in_their_order(make_jobs: MakeJobs, tmp_path: Path) -> None:
    jobs = make_jobs(RATES)
    Ledger(tmp_path, []).note(jobs)
    read = read_jobs(tmp_path)
    assert [repr(job) for job in read] == [repr(job) for job in jobs]


def test_jobs_that_come_later_are_added(make_jobs: MakeJobs, tmp_path: Path) -> None:
    jobs = make_jobs(RATES)
    ledger = Ledger(tmp_path, [])
    ledger.note(jobs[:1])
    ledger.note(jobs[1:])
    assert read_jobs(tmp_path) == jobs


def test_a_job_with_other_settings_is_refused_by_the_key(make_jobs: MakeJobs, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, [])
    ledger.note(make_jobs(RATES))
    changed = make_jobs([*RATES[:2], ["model=linear", "optimizer.lr=0.7"]])
    with pytest.raises(InputError, match=r"job 2 was launched with optimizer\.lr=0\.3, and now has optimizer\.lr=0\.7"):
        ledger.note(changed)


def test_settings_of_the_launch_may_change(make_jobs: MakeJobs, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, [])
    ledger.note(make_jobs(RATES))
    ledger.note(make_jobs([[*each, "sweep.events=3"] for each in RATES]))
    assert [job.settings["sweep"]["events"] for job in ledger.jobs] == [3, 3, 3]


def test_what_is_no_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected the folder of a sweep"):
        read_jobs(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"common": {}, "orders": [], "jobs": [{}]}'])
def test_a_damaged_ledger_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "jobs.json").write_text(text)
    with pytest.raises(InputError, match=r"jobs\.json: expected the jobs of a sweep"):
        read_jobs(tmp_path)
