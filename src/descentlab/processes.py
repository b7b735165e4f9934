"""Which of the processes of one run this is, from the variables that launchers set."""

import os


def is_first_process() -> bool:
    """Whether this process is alone, or the first of those that train together: it alone writes and prints."""
    return all(os.environ.get(name, "0") == "0" for name in ("RANK", "LOCAL_RANK"))
