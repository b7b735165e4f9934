"""If two results are the same but for rounding."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

TOLERANCE = 1e-4
"""Largest difference after a few steps, relative to the largest number of a tensor."""


def are_near(first: Any, second: Any) -> bool:
    """True if nested tuples, lists and dicts of tensors and plain values agree: real numbers within `TOLERANCE` of
    the first tensor's largest finite one, all else exactly. Two NaNs agree, and two equal infinities."""
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return first.shape == second.shape and first.dtype == second.dtype and _are_near(first, second)
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(are_near(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(are_near, first, second))
    return bool(first == second)


def rows_are_near(
    first: Float[Tensor, "row number"], second: Float[Tensor, "row number"], spread: Float[Tensor, "row 1"]
) -> bool:
    """True if each row of two matrices agrees by itself, as `are_near` has it, or within a spread of its own."""
    if first.numel() == 0:
        return True
    return _are_within(first, second, TOLERANCE * _magnitudes(first).amax(dim=1, keepdim=True) + spread)


def _are_near(first: Tensor, second: Tensor) -> bool:
    if first.numel() == 0 or not first.is_floating_point():
        return torch.equal(first, second)
    return _are_within(first, second, TOLERANCE * _magnitudes(first).max())


def _magnitudes(tensor: Tensor) -> Tensor:
    """Of the finite numbers, and zero for the others."""
    return tensor.nan_to_num(posinf=0.0, neginf=0.0).abs()


def _are_within(first: Tensor, second: Tensor, most: Tensor) -> bool:
    is_near = ((first - second).abs() <= most) | (first == second)
    return bool((is_near | (first.isnan() & second.isnan())).all())
