"""`python scripts/doctor.py`: what is here, and what is not."""

import subprocess
import sys
import tomllib
from pathlib import Path

import torch

from descentlab.commands import doctor

ROOT = Path(__file__).resolve().parents[2]
NOTHING_INSTALLED = ("-S", "-I")
"""Python without any package beside its own."""


def said(*flags: str) -> dict[str, str]:
    """What the doctor prints, by its name; an install line by the name above it and a `+`."""
    command = [sys.executable, *flags, str(ROOT / "scripts" / "doctor.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    found: dict[str, str] = {}
    last = ""
    for line in done.stdout.splitlines():
        name, value = line[:17].strip(), line[17:]
        last = name or last
        found[last] = f"{found.get(last, '')} {value}".strip()
    return found


def test_without_any_package_it_names_all_that_are_missing_and_how_they_are_installed():
    found = said(*NOTHING_INSTALLED)
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert len(doctor._names(needed)) == len(needed)
    for name in doctor._names(needed):
        assert found[name] == "missing"
        assert name in found["result"]
    assert found["result"].endswith("python -m pip install -c constraints.txt -e '.'")
    assert found["[figures]"].endswith("python -m pip install -c constraints.txt -e '.[figures]'")


def test_here_it_finds_everything_ready():
    found = dict(doctor.findings())
    assert found["result"] == "ready to train"
    assert found["torch"].partition("+")[0] == torch.__version__.partition("+")[0]  # the build may be named or not
    assert found["[figures]"] == "installed"


def test_a_compiler_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    assert dict(doctor.findings())["compiler"].startswith("no no-such-compiler: ")
