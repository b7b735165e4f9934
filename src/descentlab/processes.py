"""How this process was started, and which of the processes of one run it is."""

import os
import re
import sys

from descentlab.errors import InputError

_NUMBERS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")
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


def check_start() -> None:
    """Refuse a process that somebody else than torchrun has given a number among several: Lightning, which reads the
    first of these variables that is there as it is imported, would leave the files of a run to another.

    Raises:
        InputError: naming the variable and what to type.
    """
    name = next((name for name in _NUMBERS if name in os.environ), None)
    if name is None or "TORCHELASTIC_RUN_ID" in os.environ or os.environ[name] == "0":
        return
    remedy = "srun --ntasks=1" if name == "SLURM_PROCID" else f"env -u {name}"
    raise InputError(
        f"{name}: expected 0, or processes that torchrun has started, got {os.environ[name]}; type {remedy} before the "
        "command, or torchrun --nproc-per-node <processes> scripts/train.py …"
    )


def rank() -> int:
    """The number of this process among those that train together, from 0; 0 for a process on its own."""
    return int(os.environ["RANK"]) if num_processes() > 1 else 0


def is_first_process() -> bool:
    """Whether this process is alone, or the first of those that train together: it alone writes and prints."""
    return rank() == 0
