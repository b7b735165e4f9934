"""What a config's target raises, in one line: the place in the user's own file, or the settings it does not take."""

import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from descentlab.errors import InputError
from descentlab.modules.regression import RegressionModule
from descentlab.targets import build, may_hold


@contextmanager
def naming(group: str, spec: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Name the group whose target something could not be done with, and where in its code.

    Args:
        group: the key of the target.
        spec: its settings.

    Raises:
        InputError: in place of what was raised, if it comes from the target's own code or from what it was given.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        if isinstance(error, MemoryError) or re.search("allocate memory|[Oo]verflow|Storage size", reason):
            sizes = {key: value for key, value in (spec or {}).items() if type(value) is int and key != "seed"}
            largest = max(sizes, key=sizes.__getitem__, default="sizes")
            reason = f"they ask for more memory than there is; give a smaller {group}.{largest}"
        elif (place := _place_of(error, group.partition(".")[0], (spec or {}).get("_target_"))) is not None:
            kind = type(error).__name__
            raise InputError(f"{group}: {place}: {kind}: {reason}; debug=trace shows how it came to that.") from error
        elif not isinstance(error, TypeError | ValueError | RuntimeError) or type(error) is RuntimeError:
            raise  # of the code that was called, not of what it was called with
        raise InputError(f"{group}: expected settings that fit their _target_, but {reason}.") from error


def _place_of(error: Exception, group: str, target: str | None) -> str | None:
    """`Net in nets/net.py:12` of the last line of the target's own package that an error has come through."""
    if target is None:
        return None
    frames = list(traceback.walk_tb(error.__traceback__))
    called = max((k for k, (frame, _) in enumerate(frames) if frame.f_code is build.__code__), default=-1)
    own = [
        (Path(frame.f_code.co_filename), line)
        for frame, line in frames[called + 1 :]
        if may_hold(frame.f_globals.get("__name__", ""), group, target)
        and frame.f_globals["__name__"] != RegressionModule.__module__
    ]
    if not own:
        return None
    file, line = own[-1]
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    return f"{target.rpartition('.')[2]} in {shown}:{line}"
