"""`doctor.py`: what this machine has for the package, and what it lacks. Needs nothing but Python."""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import descentlab
from descentlab.commands.terminal import speaking
from descentlab.processes import num_cores

HELP = """
python scripts/doctor.py

Versions, devices, threads, the compiler of the compiled engines, and what is missing, with the line that installs it.
"""


@speaking()
def main() -> None:
    """Run the command line: always 0, since a machine is not at fault for what it lacks."""
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(HELP.strip())
        return
    for name, value in findings():
        print(
            textwrap.fill(value, 80, initial_indent=f"{name:<17}", subsequent_indent=" " * 17, break_on_hyphens=False)
        )


def findings() -> Iterator[tuple[str, str]]:
    """Names and values, in the order in which they are printed."""
    project = _project()
    package = descentlab.__name__
    yield package, descentlab.__version__
    yield "python", f"{platform.python_version()} ({sys.executable})"
    yield "system", f"{platform.system()} {platform.machine()}"
    yield "cores", f"{num_cores()} for this process, {os.cpu_count()} in all"
    missing = [name for name in _names(project.get("dependencies", [])) if _version(name) is None]
    for name in _names(project.get("dependencies", [])):
        yield name, _version(name) or "missing"
    for extra, requirements in project.get("optional-dependencies", {}).items():
        lacking = [name for name in _names(requirements) if name != package and _version(name) is None]
        yield f"[{extra}]", f"lacks {', '.join(lacking)}" if lacking else "installed"
        if lacking:
            yield "", _install(f"[{extra}]")
    yield from _torch()
    yield "compiler", _compiler()
    yield "git", shutil.which("git") or "missing: rename.py needs it"
    yield "result", f"missing {', '.join(missing)}" if missing else "ready to train"
    if missing:
        yield "", _install()


def _project() -> dict[str, Any]:
    """The table `project` of pyproject.toml; what the installed package says of itself where there is none."""
    file = Path(__file__).resolve().parents[3] / "pyproject.toml"
    if file.is_file():
        found: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        return found
    return {"dependencies": [line for line in requires(descentlab.__name__) or [] if "extra ==" not in line]}


def _install(extra: str = "") -> str:
    return f"python -m pip install -c constraints.txt -e '.{extra}'"


def _names(requirements: list[str]) -> list[str]:
    """`torch` of `torch>=2.11,<2.14`."""
    names = []
    for requirement in requirements:
        end = next((place for place, letter in enumerate(requirement) if letter in "<>=!~;[ "), len(requirement))
        names.append(requirement[:end])
    return names


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _torch() -> Iterator[tuple[str, str]]:
    if importlib.util.find_spec("torch") is None:
        return
    import torch

    yield "threads", f"{torch.get_num_threads()} of torch; a run takes one, a sweep one a core"
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    yield "GPUs", ", ".join(gpus) if gpus else "none: trainer=cpu"


def _compiler() -> str:
    """The C compiler, as the compiled engines look for it."""
    named = os.environ.get("CC", "cc")
    found = shutil.which(named)
    if found is None:
        return f"no {named}: steps are recorded, never compiled; CC names another"
    done = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    return f"{found}: {next(iter(done.stdout.splitlines()), 'it does not say its version')}"
