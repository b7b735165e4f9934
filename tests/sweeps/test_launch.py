"""A sweep from its jobs to its tables, and a sweep that is taken up again."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from descentlab.errors import InputError
from descentlab.sweeps.compose import Job
from descentlab.sweeps.launch import launch

MakeJobs = Callable[[Sequence[Sequence[str]]], list[Job]]
RATES = [["trainer.max_steps=5", f"optimizer.lr={rate}"] for rate in (0.1, 0.2, 0.3)]


def resumed(jobs: Sequence[Sequence[str]], folder: Path) -> list[list[str]]:
    return [[*job, f"resume={folder}"] for job in jobs]


def results(folder: Path) -> list[dict[str, str]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*/result.json"))]


def test_every_job_has_its_folder_and_its_row(make_jobs: MakeJobs, tmp_path: Path) -> None:
    launch(make_jobs([*RATES, ["optimizer=lbfgs", "trainer.max_steps=2"]]), tmp_path)
    with open(tmp_path / "sweep.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["job"] for row in rows] == ["0", "1", "2", "3"]
    for row, result in zip(rows, results(tmp_path), strict=True):
        assert float(row["train/loss"]) == result["metrics"]["train/loss"]  # type: ignore[index]


def test_a_job_that_fails_fails_alone(make_jobs: MakeJobs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = ["data=table", "data.path=nowhere.csv", "data.features=[a]", "data.target=b"]
    outcomes = launch(make_jobs([RATES[0], missing]), tmp_path)
    assert [outcome.result is None for outcome in outcomes] == [False, True]
    assert "job 1 failed: nowhere.csv" in capsys.readouterr().err


TABLE = ["model=linear", "data=table", "data.x=[1,2,3,4]", "data.y=[1,2,4,4]", "trainer.max_steps=5"]


def test_a_job_of_a_stack_that_fails_fails_alone(
    make_jobs: MakeJobs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = launch(make_jobs([[*TABLE, f"data.val_fraction={part}"] for part in (0.25, 0.9)]), tmp_path)
    assert [outcome.result is None for outcome in outcomes] == [False, True]
    assert "job 1 failed: data.val_fraction" in capsys.readouterr().err


def test_jobs_whose_points_differ_in_number_run_alone(
    make_jobs: MakeJobs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    launch(make_jobs([[*TABLE, f"data.val_fraction={part}"] for part in (0.25, 0.5)]), tmp_path)
    assert capsys.readouterr().err == "jobs run alone: their points differ in number\n"
    assert [result["status"] for result in results(tmp_path)] == ["completed", "completed"]


def test_taking_up_a_sweep_runs_what_is_missing_and_leaves_the_rest(make_jobs: MakeJobs, tmp_path: Path) -> None:
    launch(make_jobs(RATES), tmp_path)
    before = results(tmp_path)
    untouched = (tmp_path / "0" / "result.json").stat().st_mtime_ns
    (tmp_path / "1" / "result.json").unlink()
    launch(make_jobs(resumed(RATES, tmp_path)), tmp_path)
    assert (tmp_path / "0" / "result.json").stat().st_mtime_ns == untouched
    assert [each["metrics"] for each in results(tmp_path)] == [each["metrics"] for each in before]


def test_taking_up_a_sweep_under_other_settings_names_the_key(make_jobs: MakeJobs, tmp_path: Path) -> None:
    launch(make_jobs(RATES), tmp_path)
    changed = [*RATES[:2], ["trainer.max_steps=5", "optimizer.lr=0.7"]]
    with pytest.raises(InputError, match=r"job 2 was launched with optimizer\.lr=0\.3, and now has optimizer\.lr=0\.7"):
        launch(make_jobs(resumed(changed, tmp_path)), tmp_path)


def test_taking_up_what_is_no_sweep_says_so(make_jobs: MakeJobs, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected the folder of a sweep"):
        launch(make_jobs(resumed(RATES, tmp_path)), tmp_path)
