"""The packages that a user trusts, read from what was typed and from nowhere else."""

import re
from collections.abc import Sequence

from descentlab.errors import InputError
from descentlab.targets import trust

KEY = "trusted_packages"


def trust_typed(arguments: Sequence[str]) -> list[str]:
    """Trust the packages of `trusted_packages=[…]` among the arguments of a command.

    A config file, an experiment or a run folder may hold the key too, where it records what was trusted;
    it grants nothing, since a file may come from a stranger.

    Args:
        arguments: as typed.

    Returns:
        The other arguments.

    Raises:
        InputError: the value is no list of names.
    """
    others = []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key.lstrip("+") != KEY or not equals:
            others.append(argument)
            continue
        names = re.fullmatch(r"\[(.*)\]", value.strip())
        if names is None:
            raise InputError(f"{KEY}: expected a list of packages, such as [my_study], got {value!r}.")
        trust([name.strip() for name in names[1].split(",") if name.strip()])
    return others
