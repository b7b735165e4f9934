"""From a dotted path to the object that it names, held to the packages that a config may name."""

import functools
import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from descentlab.errors import InputError

TRUSTED = ("descentlab", "torch", "lightning")


def check_trusted(target: str, key: str = "_target_") -> None:
    """Refuse a dotted path outside the `TRUSTED` packages: a config runs nothing else.

    Raises:
        InputError: naming `key`, the packages that are allowed and the one that came.
    """
    if target.split(".", maxsplit=1)[0] not in TRUSTED:
        raise InputError(
            f"{key}: expected a path that begins with {', '.join(TRUSTED)}, got {target!r}. "
            f"A config may call nothing else."
        )


def locate(target: str) -> Any:
    """The object at the dotted path `target`, its module imported.

    Raises:
        InputError: the path is outside the trusted packages, or names nothing.
    """
    check_trusted(target)
    module, _, name = target.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"_target_: expected the path of an object, got {target!r} ({error}).") from error


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
