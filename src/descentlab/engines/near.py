"""If two results are the same but for rounding."""

from __future__ import annotations

from typing import Any

from torch import Tensor

TOLERANCE = 1e-4
"""Largest difference after a few steps, relative to the largest number of a tensor."""


def are_near(first: Any, second: Any) -> bool:
    """True if nested tuples and lists of tensors agree: each two within `TOLERANCE` of the first's largest finite
    number; two NaNs agree, and two equal infinities."""
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return first.shape == second.shape and _are_near(first, second)
    return len(first) == len(second) and all(map(are_near, first, second))


def _are_near(first: Tensor, second: Tensor) -> bool:
    if first.numel() == 0:
        return True
    largest = first.nan_to_num(0.0, 0.0, 0.0).abs().max()
    is_near = ((first - second).abs() <= TOLERANCE * largest) | (first == second)
    return bool((is_near | (first.isnan() & second.isnan())).all())
