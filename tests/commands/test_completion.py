"""What Hydra gives beside runs: the shell's completion, and the printed config."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

TRAIN = Path(__file__).resolve().parents[2] / "scripts" / "train.py"


def started(folder: Path, *arguments: str, **variables: str) -> str:
    command = [sys.executable, str(TRAIN), *arguments]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | variables, capture_output=True, text=True, check=False, timeout=600
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("optimizer=ad", {"optimizer=adam", "optimizer=adamw"}), ("optimizer.l", {"optimizer.lr="})],
    ids=["choice", "setting"],
)
def test_the_shell_completes_choices_and_settings(tmp_path, typed, offered):
    line = f"train.py {typed}"
    out = started(tmp_path, "-sc", "query=bash", COMP_LINE=line, COMP_POINT=str(len(line)), COMP_CWORD="1")
    assert set(out.split()) == offered
    assert list(tmp_path.iterdir()) == []


def test_the_line_that_installs_the_completion_is_printed(tmp_path):
    assert "complete -o nospace" in started(tmp_path, "-sc", "install=bash")


def test_the_config_is_printed_and_nothing_trained(tmp_path):
    printed = yaml.safe_load(started(tmp_path, "model=linear", "tags=[draft]", "--cfg", "job", "--resolve"))
    assert printed["model"]["num_features"] == 1
    assert printed["tags"] == ["draft"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "in the midst", "last"])
def test_the_config_is_printed_wherever_the_flags_stand_and_a_group_by_itself(tmp_path, place):
    words = ["model=linear", "data.seed=3"]
    out = started(tmp_path, *words[:place], "--cfg", "job", "-p", "data", "--resolve", *words[place:])
    printed = yaml.safe_load(out)
    assert (printed["seed"], printed["num_features"]) == (3, 1)
