"""One process at a time works in a folder; the others are told which."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from descentlab.errors import InputError
from descentlab.processes import is_first_process
from descentlab.runs.agreement import sharing_errors
from descentlab.runs.files import writing

NAME = ".lock"


class HeldError(InputError):
    """Another process works in the folder."""


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keep a folder, of a run or of a sweep, to this process while the block runs.

    The lock is the system's (`flock` on a file in the folder), so it ends with its process however that
    ends, and what a dead process left behind holds nobody up. Of processes that train together the first
    holds it for all.

    Raises:
        HeldError: another process holds it; the message has its number, its machine and since when.
        InputError: its lock is a link, which may lead anywhere.
    """
    with sharing_errors():
        file = _locked(folder / NAME) if is_first_process() else None
    if file is None:
        yield
        return
    try:
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}
        with writing(folder / NAME):
            os.truncate(file, 0)
            os.pwrite(file, json.dumps(holder).encode(), 0)
        yield
    finally:
        (folder / NAME).unlink(missing_ok=True)  # before it is let go: see `_locked`
        os.close(file)


def _locked(path: Path) -> int:
    """The descriptor of the file at `path`, locked.

    Whoever lets go removes the file, so one that was waited for may be gone, and another may have its name.
    """
    while True:
        if path.is_symlink():
            raise InputError(f"{path}: expected the lock of the folder, got a link; take it away.")
        with writing(path):
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(file, path):
                return file
            os.close(file)
        except BlockingIOError:
            text = os.pread(file, 1000, 0)
            os.close(file)
            raise HeldError(f"{path.parent}: {_at_work(text)}.") from None


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.lstat())
    except FileNotFoundError:
        return False


def _at_work(text: bytes) -> str:
    try:
        holder = json.loads(text)
        name = f"process {holder['pid']} on {holder['host']} (since {holder['since']})"
        if holder["host"] == socket.gethostname() and not _lives(holder["pid"]):
            return f"workers of {name}, which has ended, are at work there; wait until they end, or end them"
    except (ValueError, KeyError, TypeError):  # it has not written its name yet
        name = "another process"
    return f"{name} is at work there; wait until it ends, or end it"


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True
