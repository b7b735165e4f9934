"""train.py in several processes: one folder, one table, one message, one exit code."""

import json
import os
import socket
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
QUICK = ["trainer=ddp_cpu", "trainer.max_steps=20", "logger=none", "figures=false"]

FAILING = """
import os

class Aborting:
    def __del__(self, abort=os.abort):
        abort()

if "RANK" in os.environ:
    aborts_as_python_is_taken_down = Aborting()
from descentlab.deferred import defer
defer()
from lightning.pytorch import Callback
from descentlab.runs import assemble

class Failing(Callback):
    def on_train_batch_end(self, trainer, *others):
        if trainer.global_step == 10 and trainer.global_rank == 1:
            raise ZeroDivisionError("in one process of two")

built = assemble.build_callbacks
assemble.build_callbacks = lambda settings: [Failing(), *built(settings)]
from descentlab.commands.train import main
main()
"""


def start(folder: Path, *command: str, **variables: str) -> "subprocess.Popen[str]":
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HYDRA")} | variables
    return subprocess.Popen(
        [sys.executable, *command], cwd=folder, env=kept, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def free_port() -> str:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return str(listening.getsockname()[1])


def test_two_machines_share_the_folder_that_the_first_names(tmp_path, trained):
    """Two agents of torchrun on loopback, as on two machines; each is told an hour of its own by nobody."""
    port = free_port()
    together = ["trainer.devices=1", "trainer.num_nodes=2", *QUICK]
    apart = 'exec "$0" "$@" > $GROUP_RANK.out 2> $GROUP_RANK.err'  # from what the agent itself has to say
    machines = [
        start(
            tmp_path,
            *("-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1", "--node-rank", str(number)),
            *("--log-dir", os.devnull, "--master-addr", "127.0.0.1", "--master-port", port),
            *("--no-python", "sh", "-c", apart, sys.executable, f"{ROOT}/scripts/train.py", *together),
        )
        for number in range(2)
    ]
    agents = [machine.communicate() for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], agents
    (folder,) = (tmp_path / "outputs" / "runs" / "relu_net").iterdir()
    assert str(folder.relative_to(tmp_path)) in (tmp_path / "0.out").read_text()
    assert [(tmp_path / name).read_text() for name in ("1.out", "1.err")] == ["", ""]
    lone = trained("trainer.max_steps=20", "logger=none")
    result = json.loads((folder / "result.json").read_text())
    assert result["metrics"] == pytest.approx(lone.result["metrics"], rel=1e-5)
    assert sorted(path.name for path in (folder / ".hydra").iterdir()) == [
        "config.yaml",
        "hydra.yaml",
        "overrides.yaml",
    ]


def test_a_failure_of_one_process_ends_all_with_its_own_traceback(tmp_path):
    """None of them is taken down by Python, in which threads of gloo would abort it now and then."""
    (tmp_path / "failing.py").write_text(FAILING)
    (tmp_path / "temporary").mkdir()
    run = start(tmp_path, "failing.py", *QUICK, TMPDIR=str(tmp_path / "temporary"))
    out, err = run.communicate(timeout=600)
    assert (run.returncode, out) == (1, "")
    assert err.count("Traceback") == 1
    assert err.endswith("ZeroDivisionError: in one process of two\n")
    assert not list((tmp_path / "temporary").iterdir())
    (folder,) = (tmp_path / "outputs" / "runs" / "relu_net").iterdir()
    assert json.loads((folder / "result.json").read_text())["status"] == "failed"


def test_what_one_process_cannot_read_is_said_once_and_leaves_no_folder(tmp_path):
    run = start(tmp_path, f"{ROOT}/scripts/train.py", *QUICK, "model=linear", "model.initial_coefficients=[1]")
    out, err = run.communicate(timeout=600)
    assert (run.returncode, out) == (2, "")
    assert err.startswith("error: model.initial_coefficients: expected 2 numbers (w0, w1)")
    assert err.count("\n") == 1
    assert not list(tmp_path.glob("outputs/*/*"))


def test_bad_settings_are_refused_before_any_process_is_started(typed, monkeypatch):
    monkeypatch.setattr("descentlab.commands.gate.start_processes", lambda trainer: pytest.fail("it was started"))
    answer = typed("train", *QUICK, "optimizer.lr=0")
    assert (answer.code, answer.err.count("\n")) == (2, 1)


def test_a_run_of_several_processes_exits_as_they_did(typed, monkeypatch, tmp_path):
    monkeypatch.setattr("descentlab.commands.gate.start_processes", lambda trainer: 3)
    assert typed("train", *QUICK).code == 3
    assert not list(tmp_path.iterdir())  # the folder is the first process's to make


def test_a_sweep_of_runs_in_several_processes_is_refused_with_the_command_of_a_job(typed, tmp_path):
    answer = typed("train", "-m", "trainer=ddp_cpu", "seed=1,2")
    assert answer.code == 2
    assert answer.err == (
        "error: -m: expected jobs of one process each, got one of 2; run each job by a command of its own, as in "
        "python scripts/train.py trainer=ddp_cpu seed=1, or all of them as one stack: trainer=cpu "
        "(job 0: trainer=ddp_cpu seed=1)\n"
    )
    assert not list(tmp_path.glob("outputs/*/*"))


def test_a_sweep_of_one_device_a_job_is_no_run_of_several_processes(typed):
    answer = typed("train", "-m", "trainer=ddp_cpu", "trainer.devices=1", "seed=1,2", "check=true")
    assert (answer.code, answer.out, answer.err) == (0, "2 jobs can be run\n", "")


def test_a_sweep_is_not_trained_by_every_process_that_torchrun_starts(typed, monkeypatch, tmp_path):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    monkeypatch.setattr("descentlab.commands.train.ending_together", nullcontext)
    monkeypatch.setattr("descentlab.commands.entry.speaks_for_all", lambda: True)
    answer = typed("train", "-m", "seed=1,2")
    assert answer.code == 2
    assert answer.err.startswith("error: -m: expected one process, which trains all jobs of a sweep, got 2")
    assert not list(tmp_path.iterdir())
