"""A sweep from its jobs to its tables, and a sweep that is taken up again."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from descentlab.data.synthetic import SyntheticDataModule
from descentlab.nets.linear import Linear
from descentlab.runs.result import Result
from descentlab.sweeps.compose import Job
from descentlab.sweeps.launch import launch
from descentlab.sweeps.outcomes import outcomes_in
from descentlab.sweeps.pieces import Piece, Results, run_piece
from descentlab.sweeps.stack import train_stack

MakeJobs = Callable[[Sequence[Sequence[str]]], list[Job]]
RATES = [["trainer.max_steps=5", f"optimizer.lr={rate}"] for rate in (0.1, 0.2, 0.3)]


def sweep(jobs: Sequence[Job], folder: Path) -> list[Result | None]:
    """Launches jobs in this process."""
    launch(jobs, folder, partial(map, run_piece), num_workers=1)
    return [outcome.result for outcome in outcomes_in(folder, jobs)]


def results(folder: Path) -> list[dict[str, str]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*/result.json"))]


def test_a_job_that_fails_fails_alone(make_jobs: MakeJobs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = ["data=table", "data.path=nowhere.csv", "data.features=[a]", "data.target=b"]
    ended = sweep(make_jobs([RATES[0], missing]), tmp_path)
    assert [result is None for result in ended] == [False, True]
    assert "job 1 failed: nowhere.csv" in capsys.readouterr().err


TABLE = ["model=linear", "data=table", "data.x=[1,2,3,4]", "data.y=[1,2,4,4]", "trainer.max_steps=5"]


def test_a_job_of_a_stack_that_fails_fails_alone(
    make_jobs: MakeJobs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = (0.25, 0.9, 0.25)
    ended = sweep(make_jobs([[*TABLE, f"data.val_fraction={part}"] for part in parts]), tmp_path)
    assert [result and result.engine for result in ended] == ["stacked", None, "stacked"]
    assert "job 1 failed: data.val_fraction" in capsys.readouterr().err


def test_a_member_whose_schedule_has_no_rates_fails_alone(
    make_jobs: MakeJobs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cosine = ["model=linear", "scheduler=cosine", "trainer.max_steps=5"]
    ended = sweep(make_jobs([[*cosine, f"scheduler.T_max={length}"] for length in (0, 5, 6)]), tmp_path)
    assert [result and result.engine for result in ended] == [None, "stacked", "stacked"]
    told = capsys.readouterr().err
    assert told.startswith("job 0 failed: scheduler: expected a schedule of trainer.max_steps=5 steps, but Cosine")
    assert "scheduler.T_max=0" in told
    assert told.count("\n") == 1


def test_jobs_whose_stack_breaks_down_run_alone(
    make_jobs: MakeJobs, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*args: object, **options: object) -> None:
        raise ArithmeticError("broken today\nof all days")

    monkeypatch.setattr("descentlab.sweeps.pieces.train_stack", break_down)
    ended = sweep(make_jobs(RATES), tmp_path)
    assert [result and result.status for result in ended] == ["completed"] * 3
    told = "jobs run alone: their stack broke down with ArithmeticError: broken today (job 0, 1, 2)\n"
    assert capsys.readouterr().err == told


def test_jobs_whose_stack_has_no_room_on_its_device_are_trained_as_smaller_ones(
    make_jobs: MakeJobs, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def train_two(jobs: Sequence[Job], *args: Any, **options: Any) -> list[Result]:
        if len(jobs) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return train_stack(jobs, *args, **options)

    monkeypatch.setattr("descentlab.sweeps.pieces.train_stack", train_two)
    ended = sweep(make_jobs([["trainer.max_steps=5", f"seed={seed}"] for seed in range(5)]), tmp_path)
    assert [result and result.engine for result in ended] == ["stacked"] * 5
    assert sorted(path.name for path in tmp_path.glob("stacks/*")) == ["0.npz", "2.npz", "3.npz"]
    assert capsys.readouterr().err == (
        "jobs trained as two stacks: the device has no room for one (job 0, 1, 2, 3, 4)\n"
        "jobs trained as two stacks: the device has no room for one (job 2, 3, 4)\n"
    )


def test_a_job_that_has_no_room_on_its_device_fails_in_one_line(
    make_jobs: MakeJobs, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*args: object, **options: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate")

    monkeypatch.setattr("descentlab.sweeps.pieces.train_stack", fill)
    monkeypatch.setattr("descentlab.sweeps.pieces.train", fill)
    assert sweep(make_jobs(RATES[:2]), tmp_path) == [None, None]
    told = capsys.readouterr().err.splitlines()
    assert told[1:] == [
        f"job {number} failed: the device has no room for it (CUDA out of memory.); type trainer=cpu"
        for number in (0, 1)
    ]


def test_a_member_that_cannot_be_assembled_shows_where_and_the_others_are_stacked(
    make_jobs: MakeJobs, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = SyntheticDataModule.read_points

    def read_points(data: SyntheticDataModule) -> None:
        if data.seed == 2:
            raise ArithmeticError("broken today")
        read(data)

    monkeypatch.setattr(SyntheticDataModule, "read_points", read_points)
    ended = sweep(make_jobs([["trainer.max_steps=5", f"seed={seed}"] for seed in (1, 2, 3)]), tmp_path)
    assert [result and result.engine for result in ended] == ["stacked", None, "stacked"]
    told = capsys.readouterr().err
    assert re.fullmatch(r"job 1 failed: data: .*points\.py:\d+: ArithmeticError: broken today; .*\n", told)


def test_jobs_whose_points_differ_in_number_form_stacks_of_their_own(make_jobs: MakeJobs, tmp_path: Path) -> None:
    parts = (0.25, 0.5, 0.25)  # and so one of a single member
    ended = sweep(make_jobs([[*TABLE, f"data.val_fraction={part}"] for part in parts]), tmp_path)
    assert [result and result.engine for result in ended] == ["stacked"] * 3
    assert len(list(tmp_path.glob("stacks/*.npz"))) == 2


def test_jobs_that_cannot_be_stacked_run_alone_with_the_reason(
    make_jobs: MakeJobs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = sweep(make_jobs([*RATES, ["optimizer=lbfgs", "trainer.max_steps=2"]]), tmp_path)
    assert [result and result.engine for result in ended] == ["stacked"] * 3 + ["eager"]
    assert "jobs run alone: LBFGS has no stacked update (job 3)" in capsys.readouterr().err


def test_why_jobs_run_alone_is_said_once_however_many_workers_share_them(
    make_jobs: MakeJobs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = make_jobs([["model=linear", "optimizer=lbfgs", "trainer.max_steps=1", f"seed={seed}"] for seed in range(4)])
    launch(jobs, tmp_path, partial(map, run_piece), num_workers=2)
    assert capsys.readouterr().err == "jobs run alone: LBFGS has no stacked update (job 0, 1, 2, 3)\n"


def test_jobs_whose_net_cannot_be_stacked_run_alone_with_the_reason(
    make_jobs: MakeJobs, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Linear, "columns", lambda net, x: x * float(x.numel() > 0 and x.abs().max() < 1e9))
    ended = sweep(make_jobs([["model=linear", *each] for each in RATES]), tmp_path)
    assert [result and result.engine for result in ended] == ["eager"] * 3
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)  # not one more for each of them
    assert err.startswith("jobs run alone: its members cannot be batched")


def test_a_job_that_breaks_down_shows_where_and_the_next_goes_on(
    make_jobs: MakeJobs, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([True])  # the first prediction is asked for before the run, and would be told in a line

    def columns(net: Linear, x: Tensor) -> Tensor:
        if x.shape[1] == 2 and not next(looks, False):
            raise ArithmeticError("broken today")
        return x

    monkeypatch.setattr(Linear, "columns", columns)
    alone = ["model=linear", "trainer.engine=eager", "trainer.max_steps=2"]
    ended = sweep(make_jobs([[*alone, "data=two_features"], alone]), tmp_path)
    assert [result and result.status for result in ended] == [None, "completed"]
    told = capsys.readouterr().err
    assert "job 0 failed:\nTraceback" in told
    assert "ArithmeticError: broken today" in told


def test_taking_up_a_sweep_trains_what_is_missing_and_leaves_the_rest(make_jobs: MakeJobs, tmp_path: Path) -> None:
    jobs = make_jobs([*RATES, ["trainer.max_steps=5", "trainer.engine=eager"]])
    sweep(jobs, tmp_path)
    before = results(tmp_path)
    untouched = (tmp_path / "0" / "result.json").stat().st_mtime_ns
    (tmp_path / "3" / "result.json").unlink()
    sweep(jobs, tmp_path)
    assert (tmp_path / "0" / "result.json").stat().st_mtime_ns == untouched
    assert [each["metrics"] for each in results(tmp_path)] == [each["metrics"] for each in before]


def test_a_stack_that_was_cut_short_while_its_folders_were_written_is_not_trained_again(
    make_jobs: MakeJobs, tmp_path: Path
) -> None:
    def train_nothing(pieces: Sequence[Piece]) -> list[Results]:
        assert not pieces
        return []

    jobs = make_jobs(RATES)
    sweep(jobs, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.glob("1/[!.]*.*")}
    shutil.rmtree(tmp_path / "1" / "checkpoints")
    (tmp_path / "1" / "result.json").unlink()
    launch(jobs, tmp_path, train_nothing, num_workers=1)
    assert {path: path.read_bytes() for path in tmp_path.glob("1/[!.]*.*")} == before
    assert (tmp_path / "1" / "checkpoints" / "last.ckpt").is_file()


def test_a_big_sweep_leaves_no_folders(make_jobs: MakeJobs, tmp_path: Path) -> None:
    ended = sweep(make_jobs([[*each, "sweep.folders=2"] for each in RATES]), tmp_path)
    assert all(result is not None for result in ended)
    assert [path.name for path in tmp_path.iterdir()] == ["stacks"]


def test_a_stack_has_at_most_as_many_members_as_asked(make_jobs: MakeJobs, tmp_path: Path) -> None:
    sweep(make_jobs([[*each, "sweep.members=2"] for each in RATES]), tmp_path)
    assert sorted(path.name for path in tmp_path.glob("stacks/*")) == ["0.npz", "2.npz"]
