"""How every command begins and ends: its help, its errors, its exit code."""

import gc
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from descentlab.commands.terminal import speaking
from descentlab.deferred import defer
from descentlab.errors import InputError, WriteError
from descentlab.processes import as_called, check_start
from descentlab.runs.agreement import speaks_for_all
from descentlab.settings.config_folders import choices_of, take_config_dir

_EXIT_CODES = {"completed": 0, "pruned": 0, "failed": 1, "diverged": 3}


def exit_code(status: str, interrupted_by: str | None) -> int:
    """What a run's command ends with: 0 completed, 1 failed, 3 diverged; for a run that a signal stopped
    128 and the signal's number, as a shell says it of a process that one has ended (130, 143, 138).

    Bad input ends a command with 2, and a disk that takes no more with 4.
    """
    return _EXIT_CODES[status] if interrupted_by is None else 128 + signal.Signals[interrupted_by]


def refuse(error: InputError) -> NoReturn:
    """Print what is wrong with the input and exit with 2; `debug.trace` shows where it was found."""
    if speaks_for_all():
        if any(map(_asks_for_trace, sys.argv[1:])):
            traceback.print_exception(error)
        # A path may have line breaks, the message has none.
        print("error:", *as_called(str(error)).splitlines(), file=sys.stderr)
    sys.exit(2)


def _asks_for_trace(word: str) -> bool:
    """Whether a word typed is a debug mode, each of which sets `debug.trace`, or that setting itself: read off the
    words, since the error may be that they cannot be composed."""
    key, _, value = word.partition("=")
    return word == "debug.trace=true" or (key == "debug" and value != "none" and value in choices_of("debug"))


def without_trace(words: Sequence[str]) -> list[str]:
    """The words typed but `debug=trace`, where it is no setting but for `refuse` alone."""
    return [word for word in words if word != "debug=trace"]


def stop_unwritten(error: WriteError, way_on: str = "type the same again") -> NoReturn:
    """Print what cannot be written and the way on from there, and exit with 4."""
    print(
        f"error: {error.filename} cannot be written ({error.strerror}). What was written before is whole: "
        + as_called(f"make room, and {way_on}."),
        file=sys.stderr,
    )
    sys.exit(4)


def goes_on(sweep: Path | None) -> str:
    """What is typed to go on with the sweep in a folder, or with a run; a sweep that has no folder yet begins anew."""
    if sweep is None:
        return "go on with python scripts/train.py run=<run folder>"
    if not sweep.exists():
        return "type the same again"
    return f"go on with python scripts/train.py -m … {shlex.quote(f'resume={sweep}')}"


@contextmanager
def brief_process() -> Iterator[None]:
    """A process that imports much, works for a moment, and ends.

    Imports make many objects and hardly any garbage, so looking for garbage as often as Python does by
    default takes a third of their time, and once more half a second of the exit. NumPy works on one thread, as
    torch does, unless the user says otherwise: on busy cores two threads wait for each other a hundred times as
    long as a product of the sizes here takes.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    defer()
    held = gc.get_threshold()
    gc.set_threshold(50_000)
    try:
        yield
    finally:
        gc.set_threshold(*held)
        gc.freeze()  # what is there now is not searched for garbage any more


@speaking()
def run(command: Callable[[Sequence[str]], None], help_text: str, needs_arguments: bool = True) -> None:
    """Run a command on the arguments typed; `--help` prints `help_text`, bad input exits with 2.

    Args:
        command: takes the arguments.
        help_text: printed on request, and for no arguments where the command `needs_arguments`.
    """
    arguments = without_trace(sys.argv[1:])
    if {"-h", "--help"} & set(arguments) or (needs_arguments and not arguments):
        print(as_called(help_text.strip()))
        return
    with brief_process():
        try:
            check_start()
            command(take_config_dir(arguments))
        except InputError as error:
            refuse(error)
        except WriteError as error:
            stop_unwritten(error)
