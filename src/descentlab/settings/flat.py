"""Nested settings by their dotted keys: as one level, one value of them, and what a set of them has in common."""

from collections.abc import Mapping, Sequence
from typing import Any

from descentlab.errors import InputError, did_you_mean


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` as `{"a.b": 1}`; lists and empty mappings stay values."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """`{"a.b": 1}` as `{"a": {"b": 1}}`."""
    settings: dict[str, Any] = {}
    for name, value in flat.items():
        *groups, key = name.split(".")
        node = settings
        for group in groups:
            node = node.setdefault(group, {})
        node[key] = value
    return settings


def value_at(settings: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key: 1 at `a.b` of `{"a": {"b": 1}}`."""
    value: Any = settings
    for name in key.split("."):
        value = value[name]
    return value


def replaced(settings: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """A copy of nested settings with the value at a dotted key replaced; all else is shared.

    Raises:
        InputError: there is no such key.
    """
    first, _, rest = key.partition(".")
    if first not in settings or (rest and not isinstance(settings[first], Mapping)):
        raise InputError(f"{key}: there is no such key; {did_you_mean(first, settings)}")
    return {**settings, first: replaced(settings[first], rest, value) if rest else value}


def common(flats: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The dotted keys that have one value in all of the settings, with that value."""
    first, *rest = flats
    return {key: value for key, value in first.items() if all(key in each and each[key] == value for each in rest)}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The dotted keys whose values differ, with both; a key that is not there counts as None."""
    return {key: (before.get(key), after.get(key)) for key in {**before, **after} if before.get(key) != after.get(key)}
