"""Two processes that train together are the run of one: its history, its files, its end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

TOGETHER = ["trainer=ddp_cpu", "trainer.devices=2"]
SHORT = ["trainer.max_steps=20", "logger=none"]

SAME = {
    "an odd number of points": ["data.num_samples=101", "trainer.max_steps=1000"],
    "fewer points than processes": ["model=linear", "data.num_samples=1", *SHORT],
    "one feature more": ["experiment=two_features", *SHORT],
    "sum of squares": ["experiment=americano", *SHORT],
    "absolute error": ["loss=mae", "model.bias=true", *SHORT],
    "huber on standardised points": ["model=linear", "loss=huber", "data=table", "data.x=[1,2,3,5]", "data.y=[2,4,7,9]",
                                     "data.standardize=true", *SHORT],
    "gradients not cleared": ["experiment=americano_uncleared", *SHORT],
    "clipped gradients": ["experiment=cubic", "trainer.gradient_clip_val=0.5", *SHORT],
    "adam with a schedule": ["optimizer=adam", "scheduler=cosine", *SHORT],
    "l-bfgs": ["experiment=cubic", "optimizer=lbfgs", "optimizer.max_iter=3", "trainer.max_steps=1", "logger=none"],
    "minibatches that do not divide": ["model=linear", "data.batch_size=7", *SHORT],
    "minibatches smaller than the processes": ["model=linear", "data.batch_size=1", *SHORT],
    "divergence": ["experiment=cubic", "optimizer.lr=1", "logger=none"],
}  # fmt: skip
SIGNALLED = "signalled"


@pytest.fixture(scope="module")
def together(tmp_path_factory, ended_run):
    """The runs of SAME, and one that a signal ends, by two processes that torchrun starts once."""
    top = tmp_path_factory.mktemp("together")
    runs = [
        {"overrides": [*overrides, *TOGETHER], "folder": str(top / str(number))}
        for number, overrides in enumerate(SAME.values())
    ]
    signalled = {"overrides": [*TOGETHER, "logger=none"], "folder": str(top / SIGNALLED), "signal": signal.SIGTERM}
    (top / "runs.json").write_text(json.dumps([*runs, signalled]))
    torchrun = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--standalone",
        "--log-dir",
        os.devnull,
    ]
    script = Path(__file__).with_name("train_together.py")
    done = subprocess.run([*torchrun, script, top / "runs.json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    folders = {name: top / str(number) for number, name in enumerate(SAME)} | {SIGNALLED: top / SIGNALLED}
    return {name: ended_run(folder) for name, folder in folders.items()}


@pytest.fixture(params=SAME, ids=SAME)
def pair(request, trained, together):
    return trained(*SAME[request.param]), together[request.param]


def test_the_history_is_that_of_one_process(pair):
    lone, several = pair
    assert list(lone.rows[0]) == list(several.rows[0])
    assert len(lone.rows) == len(several.rows)
    for name in lone.rows[0]:
        torch.testing.assert_close(several.column(name), lone.column(name), rtol=1e-5, atol=1e-5, equal_nan=True)


def test_the_result_is_that_of_one_process(pair):
    lone, several = (run.result for run in pair)
    assert (several["status"], several["num_steps"]) == (lone["status"], lone["num_steps"])
    for name, value in lone["metrics"].items():
        assert several["metrics"][name] == (value if value is None else pytest.approx(value, rel=1e-5, abs=1e-5))


def test_all_processes_end_with_the_same_status_after_the_same_step(pair):
    lone, several = pair
    expected = f"{lone.result['status']} {lone.result['num_steps']}"
    assert [(several.folder / f"status.{rank}").read_text() for rank in range(2)] == [expected] * 2


def test_the_checkpoints_are_those_of_one_process(pair):
    lone, several = pair
    names = sorted(file.name for file in (lone.folder / "checkpoints").iterdir())
    assert sorted(file.name for file in (several.folder / "checkpoints").iterdir()) == names
    for name in names:
        mine, theirs = (torch.load(run.folder / "checkpoints" / name, weights_only=True) for run in pair)
        assert mine["global_step"] == theirs["global_step"]
        assert mine["state_dict"].keys() == theirs["state_dict"].keys()
        for key, value in mine["state_dict"].items():
            torch.testing.assert_close(theirs["state_dict"][key], value, rtol=1e-5, atol=1e-5)


def test_the_first_process_alone_writes_the_files_of_a_lone_run(pair):
    lone, several = pair
    ours = {path.name for path in several.folder.iterdir() if not path.name.startswith("status.")}
    assert ours == {path.name for path in lone.folder.iterdir()}
    assert len(list((several.folder / "tensorboard").glob("*"))) == len(list((lone.folder / "tensorboard").glob("*")))


def test_a_signal_to_one_process_ends_all_after_the_same_step(together):
    run = together[SIGNALLED]
    assert (run.result["status"], run.result["num_steps"]) == ("interrupted", 21)
    assert {(run.folder / f"status.{rank}").read_text() for rank in range(2)} == {"interrupted 21"}
    assert int(run.rows[-1]["step"]) == 21
