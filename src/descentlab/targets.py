"""From a dotted path to the object that it names, held to what a config may name.

A config names what is called, and may come from a stranger. So a path has to begin with one of `ALLOWED`,
which hold models, losses and their like, and nothing that writes, loads or runs what it is given; and what it
names has to be defined there, not imported from elsewhere. Packages of the user's own are allowed beside them
when the user names them for this process, on the command line (`trusted_packages=[my_study]`) or in the
variable `DESCENTLAB_TRUSTED`: what a config file says of trust does not count.
"""

import functools
import importlib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from typing import Any

from descentlab.errors import InputError

ALLOWED: dict[str, tuple[str, ...]] = {
    "model": ("descentlab.modules", "descentlab.nets", "torch.nn"),
    "data": ("descentlab.data", "descentlab.generators"),
    "loss": ("descentlab.functional", "torch.nn"),
    "optimizer": ("torch.optim",),
    "scheduler": ("torch.optim.lr_scheduler",),
    "trainer": ("descentlab.runs.trainer",),
    "callbacks": ("descentlab.callbacks", "lightning.pytorch.callbacks"),
    "logger": ("descentlab.runs.loggers", "lightning.pytorch.loggers"),
}
"""Where the targets of each group of the config come from."""

VARIABLE = "DESCENTLAB_TRUSTED"
"""Names the user's own packages, with commas between; the processes that this one starts inherit it."""


def trust(packages: Iterable[str]) -> None:
    """Allow targets of these packages too, in this process and in those that it starts.

    Raises:
        InputError: a name is not that of a package.
    """
    packages = list(packages)
    for package in packages:
        if not re.fullmatch(r"[A-Za-z_]\w*", package):
            raise InputError(f"trusted_packages: expected names of packages, such as my_study, got {package!r}.")
    os.environ[VARIABLE] = ",".join(dict.fromkeys([*trusted_packages(), *packages]))


def trusted_packages() -> tuple[str, ...]:
    """The user's own packages that a config may name."""
    return _names(os.environ.get(VARIABLE, ""))


def check_trusted(target: str, key: str = "_target_", group: str | None = None) -> None:
    """Refuse a dotted path outside of what a config may name.

    Args:
        target: the path.
        key: for the message.
        group: the group of the config that the path stands in; None allows what any group does.

    Raises:
        InputError: naming `key`, what is allowed and what came.
    """
    if not target.startswith(_prefixes(group, os.environ.get(VARIABLE, ""))):
        allowed = _allowed(group)
        package = target.partition(".")[0]
        may_be_own = package.isidentifier() and package not in sys.stdlib_module_names
        remedy = f"; for a package of your own type trusted_packages=[{package}]" if may_be_own else ""
        raise InputError(
            f"{key}: expected a path that begins with {', '.join(dict.fromkeys(allowed))}, got {target!r}{remedy}."
        )


def locate(target: str) -> Any:
    """The object at the dotted path `target`, its module imported.

    Raises:
        InputError: the path is outside of what a config may name, names nothing, or names what is defined outside.
    """
    check_trusted(target)
    module, _, name = target.rpartition(".")
    try:
        found = getattr(_imported(module), name)
    except InputError:
        raise
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"_target_: expected the path of an object, got {target!r} ({error}).") from error
    if not callable(found):
        raise InputError(f"_target_: expected the path of a class or a function, got {target!r}.")
    defined = getattr(found, "__module__", None) or module
    if not defined.startswith("torch._C"):  # the functions of torch.nn.functional that are written in C++
        check_trusted(f"{defined}.{name}")
    return found


def _imported(module: str) -> Any:
    """A module, or the line at which its import fails."""
    try:
        return importlib.import_module(module)
    except Exception as error:
        frames = [each for each in traceback.extract_tb(error.__traceback__) if "importlib" not in each.filename][1:]
        if not frames:
            raise  # the path itself leads nowhere
        place = f"{frames[-1].filename}:{frames[-1].lineno}"
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"_target_: expected a module that can be imported, but {place}: {reason}.") from error


def build(spec: Mapping[str, Any], *args: Any, **extra: Any) -> Any:
    """Call what `spec["_target_"]` names with the other entries of `spec` as keywords.

    Args:
        spec: plain values with a `_target_`; a null `_target_` gives None.
        args, extra: further arguments, which a config does not hold.
    """
    if spec["_target_"] is None:
        return None
    settings = {key: value for key, value in spec.items() if key != "_target_"}
    return locate(spec["_target_"])(*args, **settings, **extra)


def build_function(spec: Mapping[str, Any]) -> Any:
    """The function that `spec` names with its settings bound; a class is called with them instead."""
    target = locate(spec["_target_"])
    settings = {key: value for key, value in spec.items() if key != "_target_"}
    if inspect.isclass(target):
        return target(**settings)
    return functools.partial(target, **settings) if settings else target


def _allowed(group: str | None) -> tuple[str, ...]:
    return ALLOWED[group] if group is not None else tuple(path for paths in ALLOWED.values() for path in paths)


@functools.cache
def _prefixes(group: str | None, trusted: str) -> tuple[str, ...]:
    return tuple(f"{package}." for package in (*_allowed(group), *_names(trusted)))


def may_hold(module: str, group: str, target: str) -> bool:
    """Whether a module may hold what is the user's own of a target: one of the target's group and package, but of
    no library."""
    top = target.partition(".")[0]
    if top not in (__name__.partition(".")[0], *trusted_packages()) or module.partition(".")[0] != top:
        return False
    return f"{module}.".startswith(_prefixes(group, os.environ.get(VARIABLE, "")))


def _names(trusted: str) -> tuple[str, ...]:
    return tuple(name for name in trusted.split(",") if name)
