"""Whatever launches a sweep, its jobs come to the same; and `HydraConfig` tells each job which one it is."""

import importlib.util
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch import Callback

from descentlab.runs import assemble
from descentlab.sweeps import pieces

JOBS = ["model=relu_net", "seed=1,2", "optimizer.lr=0.05,0.1", "trainer.max_steps=20", "logger=none"]


def swept(typed, *arguments):
    answer = typed("train", "-m", *JOBS, "hydra.sweep.dir=sweep", *arguments)
    assert answer.code == 0, answer.err
    return Path("sweep")


@pytest.fixture
def stacked(typed):
    folder = swept(typed, "hydra.launcher.workers=1")
    return folder.rename("stacked")


def swept_by_joblib():
    """In a repository, as a clone is, and in a process of its own: joblib sends Hydra's task to its workers, and
    cannot send one that beartype checks."""
    if shutil.which("git") is not None:
        subprocess.run(["git", "init", "-q"], check=True)
    code = "from descentlab.commands.train import main; main()"
    command = [sys.executable, "-c", code, "-m", *JOBS, "hydra.sweep.dir=sweep", "hydra/launcher=joblib"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Path("sweep")


@pytest.mark.parametrize("launcher", ["basic", "joblib", "submitit_local"])
def test_every_launcher_leaves_what_a_stack_leaves(typed, stacked, launcher):
    folder = swept_by_joblib() if launcher == "joblib" else swept(typed, f"hydra/launcher={launcher}")
    for name in ("sweep.csv", "summary.csv", *(f"{number}/history.csv" for number in range(4))):
        assert (folder / name).read_bytes() == (stacked / name).read_bytes(), name
    for number in range(4):
        for name in ("config.yaml", "overrides.yaml"):
            assert len({(each / str(number) / ".hydra" / name).read_text() for each in (folder, stacked)}) == 1, name
        results = [json.loads((each / str(number) / "result.json").read_text()) for each in (folder, stacked)]
        for key in ("status", "num_steps", "metrics", "coefficients"):
            assert results[0][key] == results[1][key], key
        for name in ("last.ckpt", "best.ckpt"):
            files = [each / str(number) / "checkpoints" / name for each in (folder, stacked)]
            states = [torch.load(file, weights_only=True)["state_dict"] for file in files]
            assert states[0].keys() == states[1].keys()
            assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_a_sweep_of_hydras_own_launchers_and_its_workers_with_one_line(tmp_path, launcher, name):
    long = ["model=relu_net", "seed=1,2,3", "trainer.engine=lightning", "trainer.max_steps=10000000", "figures=false"]
    code = "from descentlab.commands.train import main; main()"
    words = [sys.executable, "-c", code, "-m", *long, "hydra.sweep.dir=sweep", f"hydra/launcher={launcher}"]
    piped = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, cwd=tmp_path, start_new_session=True, **piped) as sweep:
        while not list(tmp_path.glob("sweep/0/tensorboard/*")):
            assert sweep.poll() is None
            time.sleep(0.1)
        sweep.send_signal(signal.Signals[name])
        told = sweep.stderr.read()  # to its end, where the last of the processes that could speak has ended
    assert sweep.returncode == 128 + signal.Signals[name]
    lines = [line for line in told.splitlines() if line and not line.startswith("stopping at the next step")]
    assert lines == [f"stopped by {name}; the same command with resume={tmp_path / 'sweep'} goes on"]


class Asks(Callback):
    """A user's callback that wants to know which job it is in."""

    def __init__(self, seen):
        self.seen = seen

    def on_fit_start(self, trainer, pl_module):
        self.seen.append(shown())


def shown():
    hydra = HydraConfig.get()
    return {
        "mode": hydra.mode.name,
        "num": hydra.job.num,
        "id": hydra.job.id,
        "task": list(hydra.overrides.task),
        "optimizer": hydra.runtime.choices.optimizer,
        "folder": Path(hydra.runtime.output_dir).name,
        "sweep": Path(hydra.sweep.dir).name,
    }


def expected(number, overrides):
    return {
        "mode": "MULTIRUN",
        "num": number,
        "id": str(number),
        "task": overrides,
        "optimizer": overrides[0].removeprefix("optimizer="),
        "folder": str(number),
        "sweep": "sweep",
    }


QUICK = ["trainer.max_steps=2", "logger=none"]


@pytest.mark.parametrize("launcher", [["hydra.launcher.workers=1"], ["hydra/launcher=basic"]], ids=["stacked", "basic"])
def test_a_callback_is_told_which_job_it_is_in(typed, monkeypatch, launcher):
    seen = []
    build = assemble.build_callbacks
    monkeypatch.setattr(assemble, "build_callbacks", lambda given: [Asks(seen), *build(given)])
    answer = typed("train", "-m", "optimizer=lbfgs", "seed=1,2", *QUICK, "hydra.sweep.dir=sweep", *launcher)
    assert answer.code == 0, answer.err
    assert seen == [expected(k, ["optimizer=lbfgs", f"seed={k + 1}", *QUICK]) for k in range(2)]


def test_a_member_of_a_stack_is_built_as_the_job_that_it_is(typed, monkeypatch):
    seen = []
    build = pieces.assemble

    def asks(settings):
        seen.append(shown())
        return build(settings)

    monkeypatch.setattr(pieces, "assemble", asks)
    choice = ["optimizer=momentum", "seed=1,2", *QUICK, "hydra.sweep.dir=sweep", "hydra.launcher.workers=1"]
    assert typed("train", "-m", *choice).code == 0
    assert seen == [expected(k, ["optimizer=momentum", f"seed={k + 1}", *QUICK]) for k in range(2)]


@pytest.mark.parametrize(
    ("launcher", "package", "extra"),
    [("submitit_slurm", "submitit", "slurm"), ("submitit_local", "submitit", "slurm"), ("ray", "ray", "ray")],
)
def test_a_package_that_is_missing_is_named_with_the_line_that_installs_it(
    typed, tmp_path, monkeypatch, launcher, package, extra
):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "descentlab.extras.find_spec", lambda name: None if name == package else find(name), raising=True
    )
    answer = typed("train", "-m", f"hydra/launcher={launcher}", *JOBS)
    assert answer.code == 2
    assert answer.err == (
        f"error: hydra/launcher={launcher}: expected {package}, which is not installed; "
        f"type pip install 'descentlab[{extra}]'\n"
    )
    assert not any(path.is_dir() for path in tmp_path.glob("outputs/*/*/*"))


def test_tasks_on_this_machine_see_no_gpu_and_are_not_given_jobs_that_ask_for_one(typed, tmp_path):
    answer = typed("train", "-m", "hydra/launcher=submitit_local", *JOBS, "trainer=gpu")
    assert answer.code == 2
    assert answer.err.startswith("error: hydra/launcher=submitit_local: expected jobs for the CPU")
    assert not any(path.is_dir() for path in tmp_path.glob("outputs/*/*"))
