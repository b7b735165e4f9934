"""The folders of runs and sweeps: made for one alone, and taken away where nothing was trained."""

import shutil
from pathlib import Path

from descentlab.errors import InputError


def make_exclusively(folder: Path, key: str) -> None:
    """Make a folder that does not exist yet.

    Raises:
        InputError: it exists, or cannot be made.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
    except FileExistsError:
        raise InputError(
            f"{key}: expected a folder that is not there yet, got {folder}; type {_use(folder)}another name, "
            "or remove it."
        ) from None
    except OSError as error:
        raise InputError(f"{key}: {folder} cannot be made ({error.strerror}).") from error


def _use(folder: Path) -> str:
    """What to type for a folder that is there as it is, where it is a sweep's or a run's."""
    if (folder / "jobs.json").is_file():
        return f"resume={folder} to go on with it, or "
    if (folder / "config.yaml").is_file():
        return f"run={folder} to go on with it or judge it, or "
    return ""


def take_away(folder: Path) -> None:
    """Remove a folder that was made exclusively, and those around it in which nothing else is: all within the folder
    that the user stands in, which stays, and elsewhere one."""
    here = Path.cwd()
    shutil.rmtree(folder)
    around = folder.resolve().parent
    while not any(around.iterdir()) and not here.is_relative_to(around):
        around.rmdir()
        around = around.parent
        if not around.is_relative_to(here):
            return
