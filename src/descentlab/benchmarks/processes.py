"""The time of whole processes, from the command to its end."""

import subprocess
import sys
import time
from collections.abc import Sequence
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
