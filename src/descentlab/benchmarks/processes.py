"""The time of whole processes, from the command to its end."""

import atexit
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from descentlab.benchmarks.plain_loops import SCRIPT
from descentlab.benchmarks.ratio import Case

TRAIN = "from descentlab.commands.train import main; main()"


def seconds_of_python(code: str, arguments: Sequence[str] = (), expected: int = 0) -> float:
    """The wall time of `python -c code arguments` in an empty folder.

    Args:
        expected: the exit code; another one is an error.
    """
    folder = _empty_folder()
    # What one process has compiled, the next one takes, as Python has it by default.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code, *arguments]
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    assert done.returncode == expected, done.stderr
    assert done.stdout or expected, "a command that is asked for something prints"
    return seconds


def peak_bytes(command: Sequence[str]) -> float:
    """The most memory that a command and the processes that it starts hold at once, shared pages counted once,
    as seen ten times a second (Linux)."""
    process = subprocess.Popen(command, cwd=_empty_folder(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(_proportional_bytes, _descendants(process.pid))))
        time.sleep(0.1)
    assert process.returncode == 0, "the command failed"
    return float(peak)


def _empty_folder() -> str:
    """A new folder, removed with all others when this process ends.

    Not before, for what is deleted slows down what is measured next: an ext4 without a journal looks past each
    inode that was let go within the last minutes whenever it needs a new one.
    """
    return mkdtemp(dir=_all_folders())


@cache
def _all_folders() -> str:
    folder = mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _descendants(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:  # it has ended
        return []
    return [pid, *(each for child in children for each in _descendants(child))]


def _proportional_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def process_cases() -> list[Case]:
    """A whole training command against a bare script; an answer without training against `import torch`."""

    def bare() -> float:
        return seconds_of_python(SCRIPT)

    def import_torch() -> float:
        return seconds_of_python("import torch; print(torch.__version__)")

    def command(arguments: Sequence[str], expected: int = 0) -> float:
        return seconds_of_python(TRAIN, arguments, expected)

    # Pictures are drawn after the command's end, when the next one is measured.
    whole = ["model=relu_net", "trainer.max_steps=1000", "figures=false"]
    return [
        Case("whole process, 1000 steps", 1.25, "process", lambda: command(whole), bare),
        Case(
            "sweep of 1000 jobs against one run",
            3.0,
            "process",
            lambda: command(["-m", *whole, "seed=range(0,1000)"]),
            lambda: command(whole),
            rounds=3,
        ),
        Case("wrong command line", 0.35, "process", lambda: command(["modle=relu_net"], expected=2), import_torch),
        Case("--help", 0.35, "process", lambda: command(["--help"]), import_torch),
    ]
