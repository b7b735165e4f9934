"""`python -m descentlab`: the commands of the installed package, of which a checkout has scripts."""

import subprocess
import sys
from pathlib import Path

from descentlab.commands.program import OF_THE_REPOSITORY, commands

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


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


def test_a_slip_in_the_name_of_a_command_is_answered_with_the_nearest(tmp_path):
    answer = started(tmp_path, "trian", "model=linear")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("error: trian: there is no such command; did you mean train?")
