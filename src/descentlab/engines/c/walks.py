"""How loops walk through tensors: over which indices, and how far from one element to the next."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

ROW = "row"
"""The index of the loop over rows."""


def broadcast_strides(tensor: Tensor, shape: Sequence[int]) -> list[int]:
    """The strides of a tensor seen with a larger shape; 0 along an axis on which it is repeated."""
    missing = len(shape) - tensor.dim()
    own = [0 if size == 1 else stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True)]
    return [0] * missing + own


def merged(shape: Sequence[int], strides: list[list[int]]) -> tuple[list[int], list[list[int]]]:
    """The same walk over all tensors with as few axes as possible."""
    sizes: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        own = [stride[axis] for stride in strides]
        if sizes and all(step[-1] == size * one for step, one in zip(steps, own, strict=True)):
            sizes[-1] *= size
            for step, one in zip(steps, own, strict=True):
                step[-1] = one
        else:
            sizes.append(size)
            for step, one in zip(steps, own, strict=True):
                step.append(one)
    return sizes, steps


def over(index: str, size: int) -> str:
    """A loop over an index; none over the index of an axis of one, or of the loop over rows."""
    return "" if index in ("0", ROW) else f"for (long {index} = 0; {index} < {size}; {index}++) "


def head(sizes: Sequence[int], prefix: str = "i") -> str:
    """One loop an axis, with the indices i0, i1, ..."""
    return "".join(over(f"{prefix}{k}", n) for k, n in enumerate(sizes))


def nest(sizes: Sequence[int], body: str, prefix: str = "i") -> str:
    """`body` inside these loops."""
    return f"{head(sizes, prefix)}{{ {body} }}"


def has_rows(tensor: Tensor, shape: Sequence[int]) -> bool:
    """True if the tensor, seen with a larger shape, is the same for every row or lies in rows."""
    stride = broadcast_strides(tensor, shape)[0]
    return stride == 0 or lies_in_rows(tensor, stride)


def lies_in_rows(tensor: Tensor, row_stride: int) -> bool:
    """True if row k of the tensor lies within `[k * row_stride, (k + 1) * row_stride)`."""
    others = [(n, s) for n, s in zip(tensor.shape, tensor.stride(), strict=True) if n != 1 and s != row_stride]
    return tensor.storage_offset() + sum((n - 1) * s for n, s in others) < row_stride


def own_strides(tensor: Tensor) -> list[int]:
    """The strides of a tensor; 0 along an axis of one."""
    return [0 if size == 1 else stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True)]
