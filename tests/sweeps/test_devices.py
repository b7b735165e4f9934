"""A stack on a device leaves what its members' lone runs on the CPU do, but for rounding."""

import csv
import json
import math

import pytest
import torch

from descentlab.engines.record import CannotRecord
from descentlab.settings.compose import compose
from descentlab.sweeps.compose import Job
from descentlab.sweeps.fit import fit_stack
from descentlab.sweeps.members import members
from descentlab.sweeps.stack import train_stack

STEPS = "trainer.max_steps=60"
SWEEPS = {
    "two relu units": [["model=relu_net", STEPS, f"seed={seed}"] for seed in range(4)],
    "rates of which one diverges": [
        ["experiment=line_with_bias", STEPS, f"optimizer.lr={rate}"] for rate in (0.01, 0.02, 30.0)
    ],
    "adam on the standardised": [
        ["experiment=cubic", STEPS, "optimizer=adam", f"optimizer.lr={rate}"] for rate in (0.01, 0.02)
    ],
    "steps of their own": [["experiment=kink_wide", f"trainer.max_steps={count}"] for count in (20, 50, 1)],
    "another loss and its square": [["model=linear", "loss=huber", STEPS, f"seed={seed}"] for seed in range(3)],
    "batches": [["model=linear", "data.batch_size=30", STEPS, f"seed={seed}"] for seed in range(3)],
    "a schedule": [["model=relu_net", "scheduler=cosine", STEPS, f"seed={seed}"] for seed in range(2)],
}


NEAR = {"rel": 1e-3, "abs": 1e-5, "nan_ok": True}


def numbers_of(values):
    return {name: math.nan if value in (None, "") else float(value) for name, value in values.items()}


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("jobs", SWEEPS.values(), ids=SWEEPS)
def test_a_stack_on_a_device_leaves_what_lone_runs_do(jobs, device, stacked, alone, monkeypatch, capsys):
    expected = alone(jobs)
    capsys.readouterr()
    monkeypatch.setattr("descentlab.sweeps.fit.device_of", lambda accelerator: device)
    found = stacked(jobs)
    assert capsys.readouterr().err == ""
    for number in map(str, range(len(jobs))):
        ours, theirs = (json.loads((folder / number / "result.json").read_text()) for folder in (found, expected))
        assert [ours[key] for key in ("status", "num_steps")] == [theirs[key] for key in ("status", "num_steps")]
        assert ours["engine"] == "stacked"
        assert numbers_of(ours["metrics"]) == pytest.approx(numbers_of(theirs["metrics"]), **NEAR)
        mine, rows = (rows_of(folder / number / "history.csv") for folder in (found, expected))
        assert len(mine) == len(rows)
        for row, other in zip(mine, rows, strict=True):
            assert numbers_of(row) == pytest.approx(numbers_of(other), **NEAR)
        checkpoints = [torch.load(folder / number / "checkpoints/best.ckpt") for folder in (found, expected)]
        assert checkpoints[0]["global_step"] == checkpoints[1]["global_step"]
        torch.testing.assert_close(checkpoints[0]["state_dict"], checkpoints[1]["state_dict"], rtol=1e-3, atol=1e-5)


def test_an_engine_in_c_that_was_asked_for_is_said_to_be_for_the_cpu(device, monkeypatch, capsys):
    monkeypatch.setattr("descentlab.sweeps.fit.device_of", lambda accelerator: device)
    fit_stack(members([["model=linear", STEPS, f"seed={seed}"] for seed in range(2)]), engine="native")
    assert capsys.readouterr().err == "the graph stack performs the steps: native steps are for the CPU\n"


@pytest.mark.skipif(torch.cuda.device_count() > 0, reason="there is a GPU")
def test_members_that_ask_for_a_gpu_where_there_is_none_run_alone():
    both = members([["model=linear", STEPS, f"seed={seed}"] for seed in range(2)])
    with pytest.raises(CannotRecord, match="there is no CUDA device"):
        fit_stack(both, accelerator="gpu")


@pytest.mark.skipif(torch.cuda.device_count() > 0, reason="there is a GPU")
def test_jobs_are_stacked_where_they_ask_to_be_trained(tmp_path):
    overrides = ["model=linear", "trainer=gpu", "trainer.max_steps=2"]
    jobs = [Job(number, overrides, compose(overrides)) for number in range(2)]
    with pytest.raises(CannotRecord, match="there is no CUDA device"):
        train_stack(jobs, members([["model=linear", "trainer.max_steps=2"]] * 2), tmp_path)
    assert list(tmp_path.iterdir()) == []
