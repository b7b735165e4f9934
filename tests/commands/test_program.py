"""`python -m descentlab`: the commands of the installed package, of which a checkout has scripts."""

import subprocess
import sys
from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs

from descentlab.commands.program import OF_THE_REPOSITORY, commands

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
QUIET = ("logger=none", "figures=false")


def started(folder, *arguments):
    command = [sys.executable, "-m", "descentlab", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)


def test_it_lists_every_command_but_those_of_the_repository(tmp_path):
    scripts = {path.stem for path in SCRIPTS.glob("*.py")}
    assert set(commands()) == scripts - set(OF_THE_REPOSITORY)
    answer = started(tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert [line.split()[0] for line in answer.stdout.splitlines()[2:]] == sorted(commands())


def test_a_command_names_itself_as_it_was_called(tmp_path):
    answer = started(tmp_path, "predict", "--help")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "descentlab predict run=" in answer.stdout
    assert "scripts/" not in answer.stdout


@pytest.fixture
def installed(typed, monkeypatch):
    """Types `descentlab <command> <arguments>` in an empty folder."""

    def run(command, *arguments):
        monkeypatch.setattr("descentlab.processes._command", ["-m", "descentlab", command])
        return typed(command, *arguments)

    return run


def test_what_a_run_says_at_its_start_names_the_installed_command(installed):
    answer = installed("train", "experiment=cubic", "optimizer.lr=0.2", "trainer.max_steps=3", *QUIET)
    assert answer.code == 0
    assert answer.err.endswith("so steps grow; see descentlab stability\n")


def test_what_a_sweep_and_its_report_say_names_the_installed_command(installed, tmp_path):
    sweep = ("-m", "model=linear", "seed=range(0,5)", "trainer.max_steps=3", "sweep.folders=0", "sweep.events=0")
    answer = installed("train", *sweep, "hydra.sweep.dir=sweep", *QUIET)
    assert answer.code == 0
    assert f"report  descentlab report sweep={tmp_path / 'sweep'}\n" in answer.out
    assert "descentlab train model=linear seed=" in answer.out
    assert "scripts/" not in answer.out
    assert installed("report", "sweep=sweep").code == 0
    text = (tmp_path / "sweep" / "report.html").read_text()
    assert "<pre>descentlab train -m model=linear " in text
    assert "<code>descentlab extract sweep=sweep " in text
    assert "scripts/" not in text.replace(get_plotlyjs(), "")


def test_a_slip_in_the_name_of_a_command_is_answered_with_the_nearest(tmp_path):
    answer = started(tmp_path, "trian", "model=linear")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("error: trian: there is no such command; did you mean train?")
