"""A command whose words nobody hears does its work and ends as it would."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
RUN = ["model=linear", "trainer.max_steps=5", "figures=false"]
SWEEP = ["-m", *RUN, "seed=1,2"]
GONE = "{ sleep 0.1; %s; echo $? >&2; } | true"
FULL = "%s > /dev/full; echo $? >&2"
CLOSED = "%s >&-; echo $? >&2"
UNHEARD = {
    "a run whose reader has gone": (["train.py", *RUN, "hydra.run.dir=out"], GONE, 1),
    "a run that writes to a full disk": (["train.py", *RUN, "hydra.run.dir=out"], FULL, 1),
    "a run without standard output": (["train.py", *RUN, "hydra.run.dir=out"], CLOSED, 1),
    "a sweep that writes to a full disk": (["train.py", *SWEEP, "hydra.sweep.dir=out"], FULL, 2),
    "help whose reader has gone": (["train.py", "--help"], GONE, 0),
    "help of another command": (["predict.py", "--help"], FULL, 0),
}


def ended(words: list[str], line: str, folder: Path) -> list[str]:
    """What is said on standard error of a shell's line with a command in it, the exit code last."""
    command = " ".join([sys.executable, str(SCRIPTS / words[0]), *words[1:]])
    done = subprocess.run(["sh", "-c", line % command], cwd=folder, capture_output=True, text=True)
    return done.stderr.split()


@pytest.mark.parametrize(("words", "line", "num_results"), UNHEARD.values(), ids=UNHEARD)
def test_a_command_ends_with_its_own_code_where_nobody_hears_it(words, line, num_results, tmp_path):
    assert ended(words, line, tmp_path) == ["0"]
    assert len(list(tmp_path.glob("out/**/result.json"))) == num_results


def test_a_run_whose_errors_nobody_hears_ends_with_its_own_code(tmp_path):
    command = f"{sys.executable} {SCRIPTS / 'train.py'} {' '.join(RUN)} hydra.run.dir=out"
    done = subprocess.run(["sh", "-c", f"{command} 2>&-"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("status")
    assert (tmp_path / "out" / "result.json").is_file()


def test_what_is_refused_is_refused_where_nobody_hears_it(tmp_path):
    assert ended(["train.py", "model=lineer"], "%s 2>&-; echo $? >&2", tmp_path) == ["2"]
