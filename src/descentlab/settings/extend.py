"""What may be typed beside `run=`: settings that let a run go on further, or be watched otherwise."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import OverrideParseException

from descentlab.errors import InputError, did_you_mean
from descentlab.settings.check import check
from descentlab.settings.explain import explain
from descentlab.settings.flat import value_at

_FREE = ("callbacks", "debug", "figures", "history.every")
"""Settings, with all below them, that say who looks at a run and not what it computes."""


def extended(settings: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A run's own settings with overrides under which it can go on.

    `trainer.max_steps` may grow, and the settings that only say who looks at the run may change. An
    override that repeats what the run has is taken too. Other settings that were once derived of
    `trainer.max_steps`, such as the length of a cosine schedule, stay as they are.

    Args:
        settings: of the run, checked.
        overrides: single settings as typed, e.g. `["trainer.max_steps=2000"]`.

    Raises:
        InputError: an override cannot be read, or changes what the run computes; names the key, its
            value in the run and the value that came.
    """
    now: dict[str, Any] = copy.deepcopy(dict(settings))
    for override in _parsed(overrides):
        key = override.key_or_group
        block, name = _place(now, key)
        block[name] = override.value()
        before = value_at(settings, key)
        now = check(now)
        after = value_at(now, key)
        if can_go_on(key, before, after):
            continue
        more = "expected at least as many" if key == "trainer.max_steps" else "expected the run's own"
        raise InputError(
            f"{key}: {more}, {before!r}, got {after!r}; a run goes on as it began, but for a larger trainer.max_steps "
            f"and for {', '.join(_FREE)}. For other settings start a new run."
        )
    return now


def can_go_on(key: str, before: Any, after: Any) -> bool:
    """Whether a run that had one value of a setting can go on with another."""
    return after == before or _lies_in(key, _FREE) or (key == "trainer.max_steps" and after > before)


def _parsed(overrides: Sequence[str]) -> list[Override]:
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except OverrideParseException as error:
        raise explain(error) from error
    for override in parsed:
        typed = str(override.input_line)
        if override.is_sweep_override():
            raise InputError(f"{typed}: expected one value beside run=, got several.")
        if override.get_key_element() != override.key_or_group:
            raise InputError(f"{typed}: expected key=value beside run=.")
    return parsed


def _place(settings: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    """The innermost block that holds the setting `key`, and its name there."""
    holder: Any = settings
    block: Any = settings
    for name in key.split("."):
        if not isinstance(block, dict) or name not in block:
            known = block if isinstance(block, dict) else ()
            raise InputError(f"{key}: there is no such key in this run; {did_you_mean(name, known)}")
        holder, block = block, block[name]
    if isinstance(block, dict):
        raise InputError(f"{key}: expected single settings beside run=, such as trainer.max_steps=…, got a choice.")
    return holder, name


def _lies_in(key: str, roots: Sequence[str]) -> bool:
    return any(key == root or key.startswith(f"{root}.") for root in roots)
