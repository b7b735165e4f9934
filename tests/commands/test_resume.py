"""train.py run=…: what it prints, its exit code, and what it answers to bad input."""

import errno
import json
import os
import signal

import pytest

from descentlab.callbacks.scalars import Scalars
from descentlab.commands.entry import exit_code
from descentlab.commands.resume import resume_run
from descentlab.errors import InputError

OFTEN = ("callbacks.checkpoint.every=10", "callbacks.checkpoint.seconds=0")
RUN = (
    "model=linear",
    "trainer.max_steps=40",
    "logger.every=10",
    *OFTEN,
    "callbacks.checkpoint.seconds=0",
    "figures=false",
)


@pytest.fixture
def folder(typed, tmp_path):
    """A run folder `run` of a run that has ended, beside nothing else."""
    assert typed("train", *RUN, "hydra.run.dir=run").code == 0
    return tmp_path / "run"


@pytest.fixture
def interrupted(typed, tmp_path, monkeypatch):
    """A run folder `run` of a run that a SIGTERM stopped at its second look."""

    look = Scalars.look

    def signalled(self, trainer, module, step) -> None:
        look(self, trainer, module, step)
        if step == 10:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Scalars, "look", signalled)
        answer = typed("train", *RUN, "hydra.run.dir=run")
    assert (answer.code, "interrupted" in answer.out) == (143, True)
    return tmp_path / "run"


def steps(folder) -> int:
    return json.loads((folder / "result.json").read_text())["num_steps"]


def test_an_interrupted_run_goes_on_in_its_folder_and_leaves_no_other(typed, interrupted, tmp_path):
    assert steps(interrupted) == 10
    answer = typed("train", "run=run")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("run goes on from step 10\nstatus      completed\nsteps       40\n")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert steps(interrupted) == 40


def test_a_run_that_has_ended_says_so_and_does_nothing(typed, folder):
    before = (folder / "result.json").stat().st_mtime_ns
    answer = typed("train", "run=run")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("run has ended before; nothing was done\nstatus      completed\n")
    assert (folder / "result.json").stat().st_mtime_ns == before


def test_a_run_that_has_ended_can_be_extended_more_than_once(typed, folder):
    for more in (50, 60):
        assert typed("train", f"trainer.max_steps={more}", "run=run").code == 0
        assert steps(folder) == more
    assert "nothing was done" in typed("train", "run=run").out


def test_a_run_that_diverged_has_ended(typed):
    typed("train", "experiment=cubic", "optimizer.lr=1", "logger=none", "figures=false", "hydra.run.dir=run")
    answer = typed("train", "run=run", "trainer.max_steps=100000")
    assert answer.out.startswith("run has ended before; nothing was done\nstatus      diverged\n")
    assert answer.code == 3


REFUSED = {
    "run=run optimizer.lr=3": "optimizer.lr: expected the run's own, 0.1, got 3.0",
    "run=run -m": "-m: expected settings beside run=, got a flag",
    "run=run run=other": "run: expected one run folder, got run, other.",
    "run=": "run: expected one run folder, got none.",
    "run=none": "none/config.yaml: there is no such file; give the folder of a run",
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.items(), ids=REFUSED)
def test_bad_input_is_answered_in_one_line_and_changes_nothing(typed, folder, arguments, message):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    answer = typed("train", *arguments.split())
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"error: {message}")
    assert answer.err.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize("asked", ["debug=trace", "debug.trace=true"])
def test_the_traceback_of_bad_input_is_shown_on_demand(typed, folder, asked):
    answer = typed("train", "run=run", "optimizer.lr=3", asked)
    *trace, message = answer.err.splitlines()
    assert answer.code == 2
    assert "Traceback (most recent call last):" in trace
    assert message.startswith(f"error: {REFUSED['run=run optimizer.lr=3']}")


def test_the_folder_of_a_sweep_is_pointed_to_resume(typed, tmp_path):
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "jobs.json").write_text("{}")
    answer = typed("train", "run=sweep")
    assert (answer.code, "-m and resume=sweep" in answer.err) == (2, True)


@pytest.mark.parametrize("there_is_one", [True, False])
def test_without_m_the_folder_of_a_sweep_is_no_reason_to_train_a_lone_run(typed, tmp_path, there_is_one):
    if there_is_one:
        (tmp_path / "sweep").mkdir()
    answer = typed("train", *RUN, "resume=sweep")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: resume: expected a sweep, got one run; ")
    assert "with -m and resume=sweep, or run=sweep " in answer.err
    assert not [path for path in tmp_path.rglob("*") if path.name != "sweep"]


def test_of_two_that_go_on_with_a_run_one_is_told_of_the_other(typed, folder, hold_in_a_child):
    child = hold_in_a_child(folder)
    answer = typed("train", "run=run")
    assert (answer.code, answer.out) == (2, "")
    assert f"process {child} on " in answer.err
    os.kill(child, signal.SIGKILL)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert typed("train", "run=run").code == 0


@pytest.mark.parametrize("name", ["config.yaml", "last.ckpt", "history.csv", "result.json"])
def test_a_disk_that_takes_no_more_is_one_message_and_exit_code_4(typed, monkeypatch, tmp_path, name):
    replace = os.replace

    def full(source, target) -> None:
        if str(target).endswith(name):
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        answer = typed("train", *RUN, "hydra.run.dir=run")
    assert answer.code == 4
    assert answer.err.count("\n") == 1
    assert f"{name} cannot be written (No space left on device)." in answer.err
    assert not list(tmp_path.rglob("*.tmp"))
    if name != "config.yaml":
        assert typed("train", "run=run").code == 0
        assert steps(tmp_path / "run") == 40


@pytest.mark.parametrize(
    ("status", "signal_name", "code"),
    [
        ("completed", None, 0),
        ("failed", None, 1),
        ("diverged", None, 3),
        ("interrupted", "SIGINT", 130),
        ("interrupted", "SIGTERM", 143),
        ("interrupted", "SIGUSR1", 128 + signal.SIGUSR1),
    ],
)
def test_the_exit_code_says_how_a_run_ended(status, signal_name, code):
    assert exit_code(status, signal_name) == code


def test_a_run_of_several_processes_goes_on_in_as_many(typed, folder, monkeypatch):
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("devices: 1", "devices: 3"))
    asked = []
    monkeypatch.setattr("descentlab.commands.resume.start_processes", lambda trainer: asked.append(trainer) or 3)
    assert typed("train", "run=run").code == 3
    assert asked[0]["devices"] == 3


@pytest.mark.parametrize(
    ("began", "message"),
    [
        (1, "expected as many processes as run began with, 1, got 2; leave out torchrun."),
        (3, "expected as many processes as run began with, 3, got 2; start as many with torchrun."),
    ],
)
def test_a_run_does_not_go_on_in_another_number_of_processes(folder, monkeypatch, began, message):
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("devices: 1", f"devices: {began}"))
    monkeypatch.setattr("descentlab.commands.resume.num_processes", lambda: 2)
    with pytest.raises(InputError, match=message):
        resume_run(["run=run"])
