"""Which of the processes of one run this is, from the variables that torchrun sets."""

import os


def num_processes() -> int:
    """How many processes torchrun has started together, on all machines; 1 for a process on its own."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def rank() -> int:
    """The number of this process among those that train together, from 0; 0 for a process on its own."""
    return int(os.environ["RANK"]) if num_processes() > 1 else 0


def is_first_process() -> bool:
    """Whether this process is alone, or the first of those that train together: it alone writes and prints."""
    return rank() == 0
