"""Whether two nets or losses compute alike: of a stack one serves all members."""

from collections.abc import Mapping
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import torch
from torch import Tensor, nn

_OF_TORCH = frozenset(vars(nn.Module()))
"""What torch itself keeps in a module."""


def different_attribute(first: nn.Module, other: nn.Module) -> str | None:
    """The name of an attribute in which two nets differ, of a layer's with the layer's; None if they are alike.

    Parameters and buffers may differ.
    """
    if type(first) is not type(other):
        return "type"
    mine, theirs = vars(first), vars(other)
    for name in mine if mine.keys() == theirs.keys() else mine.keys() ^ theirs.keys():
        if name not in _OF_TORCH and not (name in mine and name in theirs and are_alike(mine[name], theirs[name])):
            return name
    for name in first._modules.keys() | other._modules.keys():
        layer, others = first._modules.get(name), other._modules.get(name)
        if layer is others:
            continue
        inner = "type" if layer is None or others is None else different_attribute(layer, others)
        if inner is not None:
            return f"{name}.{inner}"
    return None


def are_alike(first: Any, other: Any) -> bool:
    """True if two values are equal or made alike: functions of the same code and values, objects of one class and
    the same attributes."""
    try:
        return _are_alike(first, other)
    except RecursionError:  # they hold themselves
        return False


def _are_alike(first: Any, other: Any) -> bool:
    if first is other:
        return True
    if type(first) is not type(other):
        return False
    if isinstance(first, Tensor):
        return first.shape == other.shape and first.dtype == other.dtype and torch.equal(first, other)
    if isinstance(first, Mapping):
        return first.keys() == other.keys() and all(_are_alike(first[key], other[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(other) and all(map(_are_alike, first, other))
    if isinstance(first, nn.Module):
        return different_attribute(first, other) is None and _are_alike(first.state_dict(), other.state_dict())
    if (parts := _parts(first)) is not None:
        return _are_alike(parts, _parts(other))
    equal = first == other
    return bool(equal.all() if hasattr(equal, "all") else equal)


def _parts(value: Any) -> Any:
    """What a value was made of that is equal to itself alone; None of another."""
    if isinstance(value, partial):
        return value.func, value.args, value.keywords
    if isinstance(value, FunctionType):
        held = [cell.cell_contents for cell in value.__closure__ or ()]
        return value.__code__, value.__defaults__, value.__kwdefaults__, held
    if isinstance(value, MethodType):
        return value.__func__, type(value.__self__)
    if type(value).__eq__ is object.__eq__ and hasattr(value, "__dict__"):
        return vars(value)
    return None
