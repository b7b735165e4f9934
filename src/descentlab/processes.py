"""How this process was started, and which of the processes of one run it is."""

import os
import re
import sys

_command: list[str] = []


def started_as(words: list[str]) -> None:
    """Note what starts this command, where `sys.argv` does not say it: `["-m", "descentlab", "train"]`."""
    _command[:] = words


def this_command() -> list[str]:
    """What Python is given to start this command once more."""
    return [*(_command or sys.argv[:1]), *sys.argv[1:]]


def num_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def as_called(text: str) -> str:
    """A text that names commands as scripts of the repository, with them named as the user has called this one:
    `descentlab train` for `python scripts/train.py` where the package is installed without it."""
    return re.sub(r"(?:python )?scripts/(\w+)\.py", r"descentlab \1", text) if _command else text


def num_processes() -> int:
    """How many processes torchrun has started together, on all machines; 1 for a process on its own."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def rank() -> int:
    """The number of this process among those that train together, from 0; 0 for a process on its own."""
    return int(os.environ["RANK"]) if num_processes() > 1 else 0


def is_first_process() -> bool:
    """Whether this process is alone, or the first of those that train together: it alone writes and prints."""
    return rank() == 0
