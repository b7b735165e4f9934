"""Hydra's flags of `train.py`: what they take, and which go together, in one line where Hydra's parser would print
its whole usage or a traceback."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from hydra._internal.utils import get_args_parser

from descentlab.errors import InputError, did_you_mean

_ONE_OF = ("run", "multirun", "cfg", "info", "shell_completion")
"""Flags that each say what is done, as Hydra has it."""


def check_flags(words: Sequence[str]) -> None:
    """Refuse flags that cannot be read, or that contradict each other.

    Args:
        words: as typed, flags before settings.

    Raises:
        InputError: naming the flag.
    """
    parser = get_args_parser()
    flags = list(parser._option_string_actions)
    for word in words:
        if word.startswith("-") and (flag := word.partition("=")[0]) not in flags:
            raise InputError(f"{word}: expected key=value without dashes, or a flag; {did_you_mean(flag, flags)}")
    parser.error = _refuse  # type: ignore[method-assign]  # its own prints the usage and exits
    given = parser.parse_args(words)
    chosen = [f"--{name.replace('_', '-')}" for name in _ONE_OF if getattr(given, name) not in (None, False)]
    if len(chosen) > 1:
        hint = "; one value of each key is shown, so leave out -m" if chosen == ["--multirun", "--cfg"] else ""
        raise InputError(f"{chosen[1]}: expected one of {', '.join(chosen)}, got {len(chosen)} of them{hint}.")
    for name in ("resolve", "package"):
        if getattr(given, name) and given.cfg is None:
            raise InputError(f"--{name}: expected --cfg beside it, whose output it changes; type --cfg job --{name}")
    if given.experimental_rerun is not None and not Path(given.experimental_rerun).is_file():
        raise InputError(f"--experimental-rerun: expected a file config.pickle, got {given.experimental_rerun!r}.")


def _refuse(message: str) -> NoReturn:
    """What `argparse` has to say, `argument --cfg/-c: invalid choice: 'a' (choose from 'job', …)`, in other words."""
    text = re.sub(r"invalid choice: (.+) \(choose from (.+)\)", r"expected one of \2, got \1", message)
    raise InputError(f"{text.removeprefix('argument ')}.")
