"""The README's commands do what it says: read from its code blocks, none listed here."""

import functools
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINES = [line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
COMMANDS = [shlex.split(line, comments=True) for line in LINES if line.startswith("python scripts/")]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS, ids=map(" ".join, COMMANDS))
def test_a_command_of_the_readme_runs(command, typed, monkeypatch):
    monkeypatch.setattr("descentlab.commands.train.draw_in_background", lambda folder: None)  # nobody waits for it
    if "RUN_FOLDER" in " ".join(command):
        typed("train", "model=relu_net", "hydra.run.dir=run", "trainer.max_steps=20")
    if "SWEEP_FOLDER" in " ".join(command):
        typed("train", "-m", "experiment=study_hours_rates", "hydra.sweep.dir=sweep", "trainer.max_steps=20")
    places = {"RUN_FOLDER": "run", "SWEEP_FOLDER": "sweep", "NEW_FOLDER": "new"}
    words = [functools.reduce(lambda text, place: text.replace(*place), places.items(), word) for word in command]
    _, script, *arguments = words
    answer = typed(Path(script).stem, *arguments)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out


@pytest.mark.parametrize("target", ["train", "test"])
def test_a_make_target_of_the_readme_is_there(target):
    assert any(line.startswith(f"make {target}") for line in LINES)
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)


def test_the_plain_lines_are_those_that_make_runs():
    recipe = MAKEFILE.replace("$(BIN)", ".venv/bin").replace("$(PYTHON)", "python3").replace(" --quiet", "")
    plain = [line for line in LINES if line.startswith((".venv/bin", "python3"))]
    assert plain
    for line in plain:
        assert f"\t{line}\n" in recipe, line
