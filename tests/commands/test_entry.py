"""How every command begins and ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from descentlab.commands.entry import refuse, run
from descentlab.errors import InputError
from descentlab.processes import num_cores


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]], ids=["none", "-h", "--help"])
def test_help_is_printed_without_arguments_and_on_demand(monkeypatch, capsys, arguments):
    monkeypatch.setattr(sys, "argv", ["command.py", *arguments])

    def command(_):
        raise AssertionError("nothing was asked for")

    run(command, "\nhow to call me\n")
    assert capsys.readouterr().out == "how to call me\n"


def test_a_refusal_is_one_line_on_stderr_and_exit_code_2(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["command.py", "a=1"])
    with pytest.raises(SystemExit) as end:
        refuse(InputError("a: expected 2, got 1."))
    assert end.value.code == 2
    assert capsys.readouterr() == ("", "error: a: expected 2, got 1.\n")


def test_an_error_of_ours_is_not_taken_for_bad_input(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["command.py", "a=1"])

    def command(_):
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        run(command, "help")


@pytest.mark.skipif(
    not Path("/proc/self/task").exists() or num_cores() < 2, reason="Linux counts the threads of two cores"
)
@pytest.mark.parametrize(("given", "expected"), [({}, 1), ({"OPENBLAS_NUM_THREADS": "2"}, 2)], ids=["default", "told"])
def test_numpy_works_on_one_thread_unless_told_otherwise(given, expected):
    code = """
import os
from descentlab.commands.entry import brief_process
with brief_process():
    import numpy
print(len(os.listdir("/proc/self/task")))
"""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")} | given
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) == expected


@pytest.mark.parametrize(
    ("name", "value"), [("RANK", "1"), ("RANK", "abc"), ("LOCAL_RANK", "2"), ("SLURM_PROCID", "1")]
)
@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_a_process_that_is_one_of_several_without_torchrun_is_refused(typed, monkeypatch, command, name, value):
    monkeypatch.setenv(name, value)
    answer = typed(command, "run=somewhere")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert answer.err.startswith(
        f"error: {name}: expected 0, or processes that torchrun has started, got {value}; type"
    )


def test_a_run_in_a_batch_job_of_several_tasks_is_a_run_on_its_own(typed, monkeypatch):
    for name, value in {"SLURM_JOB_ID": "3", "SLURM_NTASKS": "2", "SLURM_PROCID": "0"}.items():
        monkeypatch.setenv(name, value)
    assert typed("train", "model=linear", "trainer.max_steps=2", "figures=false").code == 0
