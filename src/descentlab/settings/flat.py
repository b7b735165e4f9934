"""Nested settings as one level of dotted keys, and what a set of them has in common."""

from collections.abc import Mapping, Sequence
from typing import Any


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


def common(flats: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The dotted keys that have one value in all of the settings, with that value."""
    first, *rest = flats
    return {key: value for key, value in first.items() if all(key in each and each[key] == value for each in rest)}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The dotted keys whose values differ, with both; a key that is not there counts as None."""
    return {key: (before.get(key), after.get(key)) for key in {**before, **after} if before.get(key) != after.get(key)}
