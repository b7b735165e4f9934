"""Pages of docs: the files that they show, the commands that they type, and copies of the repository."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IN_ONE_PROCESS = """
import json, sys, importlib
from descentlab.commands import entry, sweep, train
entry.defer = lambda: None  # once a process
train.draw_in_background = lambda folder: None  # nobody waits for it
sweep.add_to_boards_in_background = lambda folders: None
processes = importlib.import_module("descentlab.processes")
processes.num_cores = lambda: 1  # a sweep trains in this process
for name, *arguments in json.loads(sys.stdin.read()):
    sys.argv = [f"scripts/{name}.py", *arguments]
    try:
        importlib.import_module(f"descentlab.commands.{name}").main()
    except SystemExit as end:
        if end.code:
            sys.exit(f"{sys.argv}: exit code {end.code}")
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository's files, but for pictures and what git ignores."""
    folder = tmp_path / "copy"
    for part in ("src", "conf", "tests", "scripts", "docs", ".github"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.png"))
    for file in ROOT.iterdir():
        if file.is_file() and file.name != ".git":
            shutil.copy(file, folder)
    return folder


@pytest.fixture
def run_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Python in a copy, on the copy's package alone: its processes forget where this one is installed."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        f"import sys\nsys.path[:] = [path for path in sys.path if path != {str(ROOT / 'src')!r}]\n"
    )

    def run(folder: Path, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder / "src"), str(tmp_path / "site")]))
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=folder, input=stdin, capture_output=True, text=True, check=False, timeout=600
        )

    return run


def read_files(page: str) -> dict[str, str]:
    """The files of a page by their paths: code blocks below a line that is a path alone."""
    return dict(re.findall(r"^`([\w/.]+)`\n\n```\w+\n(.*?)^```", page, re.DOTALL | re.MULTILINE))


def read_commands(page: str) -> list[list[str]]:
    """The words of the lines of a page's bash blocks that begin with `python`."""
    blocks = re.findall(r"^```bash\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("python ")]


@pytest.fixture(scope="session", name="read_files")
def read_files_fixture() -> Callable[[str], dict[str, str]]:
    return read_files


@pytest.fixture(scope="session", name="read_commands")
def read_commands_fixture() -> Callable[[str], Sequence[list[str]]]:
    return read_commands


@pytest.fixture(scope="session")
def in_one_process() -> str:
    """A program that runs the commands on its stdin, a JSON list of words, one after another."""
    return IN_ONE_PROCESS
