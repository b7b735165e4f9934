"""If two results are the same, bit for bit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def same_bits(first: Any, second: Any) -> bool:
    """True if nested tuples, lists and dicts of tensors and plain values agree in every bit.

    Two NaNs count as the same, whatever their payload.
    """
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return _same_tensor_bits(first, second)
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same_bits(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(same_bits, first, second))
    return bool(first == second) or (first != first and second != second)


def _same_tensor_bits(first: Tensor, second: Tensor) -> bool:
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    if torch.equal(first, second) and (not first.is_floating_point() or torch.equal(first.signbit(), second.signbit())):
        return True
    if not first.is_floating_point():
        return False
    both_nan = first.isnan() & second.isnan()
    same = (first == second) & (first.signbit() == second.signbit())
    return bool((same | both_nan).all())
