"""The time of whole processes, from the command to its end."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from descentlab.benchmarks.plain_loops import SCRIPT
from descentlab.benchmarks.ratio import Case

TRAIN = "from descentlab.commands.train import main; main()"


def seconds_of_python(code: str, arguments: Sequence[str] = (), expected: int = 0) -> float:
    """The wall time of `python -c code arguments` in an empty folder.

    Args:
        expected: the exit code; another one is an error.
    """
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True)
        seconds = time.perf_counter() - began
        assert done.returncode == expected, done.stderr
        assert done.stdout or expected, "a command that is asked for something prints"
    return seconds


def peak_bytes(command: Sequence[str]) -> float:
    """The most memory that a command and the processes that it starts hold at once, shared pages counted once,
    as seen ten times a second (Linux)."""
    with TemporaryDirectory() as folder:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(map(_proportional_bytes, _descendants(process.pid))))
            time.sleep(0.1)
        assert process.returncode == 0, "the command failed"
    return float(peak)


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

    whole = ["model=relu_net", "trainer.max_steps=1000"]
    return [
        Case("whole process, 1000 steps", 1.25, "process", lambda: command(whole), bare),
        Case(
            "sweep of 1000 jobs against one run",
            3.0,
            "process",
            lambda: command(["-m", "model=relu_net", "seed=range(0,1000)"]),
            lambda: command([*whole, "figures=false"]),
            rounds=3,
        ),
        Case("wrong command line", 0.35, "process", lambda: command(["modle=relu_net"], expected=2), import_torch),
        Case("--help", 0.35, "process", lambda: command(["--help"]), import_torch),
    ]
