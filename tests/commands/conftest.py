"""A command line typed into this process: what it prints and its exit code."""

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `bad_lines`, `bad_folders` and what they import


@dataclass(frozen=True)
class Answer:
    """What a command left on the terminal, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Answer]:
    """Types `python scripts/<command>.py <arguments>` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for variable in ("DESCENTLAB_CONFIG_DIR", "DESCENTLAB_TRUSTED"):  # which a command may set for its process
        monkeypatch.setenv(variable, "")
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")  # which train.py sets, and would leave set
    monkeypatch.setattr("descentlab.commands.sweep.add_to_boards_in_background", lambda folders: None)  # nobody waits

    def run(command: str, *arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", [f"scripts/{command}.py", *arguments])
        capsys.readouterr()
        code: object = 0
        try:
            importlib.import_module(f"descentlab.commands.{command}").main()
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        assert isinstance(code, int)
        return Answer(code, out, err)

    return run
