"""Folders made from the record of a stack are those that the sweep would have left."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from descentlab.errors import InputError
from descentlab.sweeps.compose import Job
from descentlab.sweeps.extract import extract
from descentlab.sweeps.launch import launch
from descentlab.sweeps.pieces import run_piece
from descentlab.sweeps.record import load_record, load_results, records_in

MakeJobs = Callable[[Sequence[Sequence[str]]], list[Job]]

SWEEPS = {
    "nets with their best": ["model=relu_net", "trainer.max_steps=20", "optimizer=adam"],
    "coefficients in the user's units": [
        *("model=linear", "data=table", "data.x=[1,2,3,4]", "data.y=[1,2,4,5]"),
        *("data.standardize=true", "loss=mae", "trainer.max_steps=5"),
    ],
    "nets with many parameters": ["experiment=kink_wide", "model.hidden_width=30", "trainer.max_steps=5"],
    "no step at all": ["model=relu_net", "trainer.max_steps=0"],
}


def contents(folder: Path) -> dict[str, Any]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "hydra.yaml"]  # it has the folder
    return {str(path.relative_to(folder)): _content(path) for path in files}


def _content(path: Path) -> Any:
    if path.suffix != ".ckpt":
        return path.read_bytes()
    return _plain(torch.load(path, weights_only=True))


def _plain(value: Any) -> Any:
    """Tensors as lists, since `==` of two tensors is a tensor."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return (value.dtype, value.tolist()) if isinstance(value, torch.Tensor) else value


def run(jobs: Sequence[Job], folder: Path) -> None:
    launch(jobs, folder, partial(map, run_piece), num_workers=1)


@pytest.mark.parametrize("overrides", SWEEPS.values(), ids=SWEEPS)
def test_a_folder_made_later_is_the_one_made_at_once(overrides: list[str], make_jobs: MakeJobs, tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    jobs = make_jobs([[*overrides, f"seed={seed}"] for seed in (1, 2, 3)])
    run(jobs, tmp_path)
    (tmp_path / "stacks").rename(tmp_path / "big" / "stacks")
    extract(jobs[1:], tmp_path / "big")
    for job in ("1", "2"):
        assert contents(tmp_path / "big" / job) == contents(tmp_path / job)
    assert not (tmp_path / "big" / "0").exists()


def test_a_record_is_read_back_as_it_was(make_jobs: MakeJobs, tmp_path: Path) -> None:
    run(make_jobs([["model=polynomial", f"optimizer.lr={lr}", "trainer.max_steps=50"] for lr in (0.01, 5.0)]), tmp_path)
    (path,) = records_in(tmp_path)
    record = load_record(path)
    assert [result.status for result in record.results] == ["completed", "diverged"]
    assert load_results(path) == dict(zip(record.jobs, record.results, strict=True))
    assert record.rows(1).steps == list(range(record.results[1].num_steps + 1))


def test_a_job_without_a_result_is_named(make_jobs: MakeJobs, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="job 0: it has no result"):
        extract(make_jobs([["model=relu_net"]]), tmp_path)


def test_a_damaged_record_is_named(make_jobs: MakeJobs, tmp_path: Path) -> None:
    jobs = make_jobs([["model=relu_net", "trainer.max_steps=2", f"seed={seed}"] for seed in (1, 2)])
    run(jobs, tmp_path)
    (path,) = records_in(tmp_path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match=r"0\.npz: expected the arrays of a stack"):
        load_record(path)
