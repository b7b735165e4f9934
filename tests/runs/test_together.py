"""Two processes that train together are the run of one: its history, its files, its end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from descentlab.runs.soak import differences

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
STOPPED = {
    "adam, a schedule and minibatches": ["model=linear", "optimizer=adam", "scheduler=cosine", "data.batch_size=7"],
    "a net with momentum": ["optimizer=momentum", "loss=huber", "history.every=4"],
}
"""Runs that are stopped by a signal after step 21, go on, and are held against whole ones."""
LOOKED_AT = ["trainer.max_steps=60", "logger.every=7", "callbacks.histograms.every=20"]
HURRIED = "hurried"
KILLED = ["optimizer=momentum", "history.every=4", "data.batch_size=30", "trainer.max_steps=400", "logger.every=50",
          "callbacks.checkpoint.every=9", "callbacks.checkpoint.seconds=0", "figures=false"]  # fmt: skip
UNKILLED = "unkilled"


@pytest.fixture(scope="module")
def together(tmp_path_factory, ended_run):
    """The runs of SAME, and one that a signal ends, by two processes that torchrun starts once."""
    top = tmp_path_factory.mktemp("together")
    runs = [
        {"overrides": [*overrides, *TOGETHER], "folder": str(top / str(number))}
        for number, overrides in enumerate(SAME.values())
    ]
    signalled = {"overrides": [*TOGETHER, "logger=none"], "folder": str(top / SIGNALLED), "signal": signal.SIGTERM}
    often = ["callbacks.checkpoint.every=5", "callbacks.checkpoint.seconds=3600"]
    hurried = {"overrides": [*TOGETHER, *SHORT, *often], "folder": str(top / HURRIED), "hurries": True}
    # First, since like the processes that are killed these are new: their generators are as torch made them.
    unkilled = {"overrides": [*KILLED, *TOGETHER], "folder": str(top / UNKILLED)}
    stopped = []
    for name, overrides in STOPPED.items():
        whole = {"overrides": [*overrides, *LOOKED_AT, *TOGETHER], "folder": str(top / f"whole {name}")}
        parted = {**whole, "folder": str(top / f"parted {name}")}
        stopped += [whole, {**parted, "signal": signal.SIGUSR1}, {**parted, "resumes": True}]
    (top / "runs.json").write_text(json.dumps([unkilled, *runs, signalled, hurried, *stopped]))
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
    folders = {name: top / str(number) for number, name in enumerate(SAME)}
    folders |= {path.name: path for path in top.iterdir() if path.is_dir() and not path.name.isdigit()}
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


@pytest.mark.parametrize("name", STOPPED)
def test_a_run_that_was_stopped_and_goes_on_ends_bit_for_bit_as_one_that_was_not(together, name):
    whole, parted = together[f"whole {name}"], together[f"parted {name}"]
    assert (whole.result["status"], parted.result["status"]) == ("completed", "completed")
    assert differences(whole.folder, parted.folder) == []


def test_processes_whose_clocks_differ_write_their_checkpoints_together(together):
    run = together[HURRIED]
    assert (run.result["status"], run.result["num_steps"]) == ("completed", 20)


def children_of(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def started(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    script = Path(__file__).parents[2] / "scripts" / "train.py"
    return subprocess.Popen(
        [sys.executable, script, *arguments], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def until_it_writes(run: "subprocess.Popen[str]", checkpoint: Path) -> None:
    """Wait for the next checkpoint of a run that has just been started."""
    before = checkpoint.stat().st_mtime_ns if checkpoint.is_file() else None
    while run.poll() is None and (not checkpoint.is_file() or checkpoint.stat().st_mtime_ns == before):
        time.sleep(0.002)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc, to find the processes of a run")
def test_a_run_whose_processes_were_killed_goes_on_bit_for_bit(together, tmp_path):
    folder = tmp_path / "run"
    checkpoint = folder / "checkpoints" / "last.ckpt"

    one = started(tmp_path, *KILLED, *TOGETHER, "hydra.run.dir=run")
    until_it_writes(one, checkpoint)
    os.kill(children_of(one.pid)[-1], signal.SIGKILL)
    assert "error: a process of this run was ended by SIGKILL" in one.communicate(timeout=120)[1]
    assert one.returncode == 1

    every = started(tmp_path, "run=run")
    until_it_writes(every, checkpoint)
    for process in [every.pid, *children_of(every.pid)]:
        os.kill(process, signal.SIGKILL)
    every.communicate()
    assert not (folder / "result.json").exists()

    last = started(tmp_path, "run=run")
    assert (last.communicate(timeout=120)[1], last.returncode) == (
        "Lightning makes each step itself: 2 processes train together\n",
        0,
    )
    assert differences(together[UNKILLED].folder, folder) == []
