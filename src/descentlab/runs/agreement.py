"""What the processes of one run tell each other beside the training: its folder, an error, the end.

They meet in the store that torchrun keeps for them. A process on its own has nobody to ask, and for it
everything here is a matter of course.
"""

import atexit
import json
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from descentlab.errors import InputError, WriteError
from descentlab.processes import is_first_process, num_processes, rank

if TYPE_CHECKING:
    from torch.distributed import Store

T = TypeVar("T")

_PATIENCE = 10.0
"""Seconds for which the others wait for the first process to write and to speak before they end."""

_places = count()
"""The same in all processes, as they come to the same places in the same order."""


def found_by_the_first(find: Callable[[], T]) -> T:
    """What the first process finds or makes, in plain values, and the others are told.

    Raises:
        InputError: in every process, what the first one met.
    """
    if num_processes() == 1:
        return find()
    place = next(_places)
    with sharing_errors():
        if is_first_process():
            _store().set(f"{place}", json.dumps(find()))
    found: T = json.loads(_store().get(f"{place}"))
    return found


@contextmanager
def sharing_errors() -> Iterator[None]:
    """Lets an InputError that one process meets end all of them, with the same words.

    All processes come here, and wait for each other.

    Raises:
        InputError: in every process, that of the first of those that met one.
    """
    if num_processes() == 1:
        yield
        return
    store = _store()
    own: InputError | None = None
    try:
        yield
    except InputError as error:
        own = error
    place = next(_places)
    store.set(f"{place}/{rank()}", "" if own is None else str(own))
    answers = [store.get(f"{place}/{each}").decode() for each in range(num_processes())]
    if errors := [answer for answer in answers if answer]:
        raise own if own is not None and str(own) == errors[0] else InputError(errors[0])


@contextmanager
def failing_together() -> Iterator[None]:
    """Lets the first of the processes that break down say why; those that then miss it end without a word.

    What the input or the disk is to blame for passes through.
    """
    try:
        yield
    except (InputError, WriteError):
        raise
    except Exception as error:
        if num_processes() == 1:
            raise
        if speaks_for_all():
            _report(error)
        sys.exit(1)


@contextmanager
def ending_together() -> Iterator[None]:
    """Lets the processes of a run end when the first of them has written and said everything.

    torch's agent ends the others as soon as one has left with an exit code that is not 0. What is registered to be
    called at the exit is called, but Python is not taken down: a thread of gloo that is still letting go of the last
    tensors would abort the process then.
    """
    if num_processes() == 1:
        yield
        return
    _check_address()
    code: Any = 0
    try:
        yield
    except KeyboardInterrupt:
        code = 130
    except SystemExit as end:
        code = end.code or 0
    if code != 1:  # a process that breaks down leaves at once: the first may be waiting for it
        _wait_for_the_first()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _report(error: Exception) -> None:
    from torch.distributed import DistError

    if isinstance(error, DistError) or "gloo" in str(error):
        reason = str(error).partition(". ")[0]
        print(f"error: process {rank()} of {num_processes()} has lost another: {reason}", file=sys.stderr)
    else:
        traceback.print_exception(error)


def speaks_for_all() -> bool:
    """Whether this process is to say what has ended the run: the first of those that ask."""
    try:
        return num_processes() == 1 or _store().add("speakers", 1) == 1
    except RuntimeError:  # the store is gone, and with it the machine that holds it
        return True


def _wait_for_the_first() -> None:
    with suppress(RuntimeError):  # nobody is left to wait for
        if is_first_process():
            _store().set("end", "")
        else:
            last = time.monotonic() + _PATIENCE
            while not _store().check(["end"]) and time.monotonic() < last:
                time.sleep(0.05)


@cache
def _store() -> "Store":
    from torch.distributed import PrefixStore, rendezvous

    store, _, _ = next(rendezvous("env://"))
    return PrefixStore("descentlab", store)


def _check_address() -> None:
    """Machines that cannot find the first have nobody to ask who speaks, so each says it for itself."""
    address = os.environ["MASTER_ADDR"]
    try:
        socket.getaddrinfo(address, None)
    except OSError:
        if os.environ.get("LOCAL_RANK", "0") == "0":
            print(
                f"error: MASTER_ADDR: expected an address that this machine can resolve, got {address}; start torchrun "
                "on every machine with --master-addr=<IP of the first>, or on the first with --local-addr=<its IP>.",
                file=sys.stderr,
            )
        sys.exit(2)
