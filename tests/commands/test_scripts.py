"""The scripts as a user starts them: processes of their own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).resolve().parents[2] / "scripts").glob("*.py"))
NAMES = [script.stem for script in SCRIPTS]


def started(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = next(file for file in SCRIPTS if file.stem == script)
    command = [sys.executable, str(path), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)


@pytest.mark.parametrize("script", NAMES)
def test_every_script_says_how_it_is_called(script, tmp_path):
    done = started(tmp_path, script, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"scripts/{script}.py" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_trained_judged_and_asked_from_the_command_line(tmp_path):
    trained = started(tmp_path, "train", "experiment=study_hours", "hydra.run.dir=run", "figures=false")
    assert (trained.returncode, trained.stderr) == (0, "")
    assert json.loads((tmp_path / "run" / "result.json").read_text())["status"] == "completed"
    judged = started(tmp_path, "evaluate", "run=run")
    assert (judged.returncode, judged.stderr) == (0, "")
    asked = started(tmp_path, "predict", "run=run", "x=4")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert f"{float(asked.stdout):.1f}" == "8.0"  # lesson 5b


def test_a_slip_of_the_pen_is_answered_before_torch_is_imported(tmp_path):
    program = (
        "import sys, runpy\n"
        "sys.argv = ['train.py', 'optimizer.lrr=1']\n"
        "try:\n"
        f"    runpy.run_path({str(SCRIPTS[NAMES.index('train')])!r}, run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    sys.exit('torch was imported' if 'torch' in sys.modules else end.code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: optimizer.lrr: there is no such key; did you mean lr?")
    assert list(tmp_path.iterdir()) == []


def test_a_diverging_run_tells_the_shell_with_3(tmp_path):
    done = started(tmp_path, "train", "experiment=cubic", "optimizer.lr=1", "logger=none", "figures=false")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)  # one warning at the start
