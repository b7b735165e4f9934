"""Fewer pieces of memory: what nobody reads any more makes room for what is computed next.

Buffers of their own for all intermediate results would push each other out of the processor's cache.
"""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.engines.record import Operation


def reused_storages(
    operations: list[Operation], results: list[Tensor], buffers: set[int]
) -> dict[int, torch.UntypedStorage]:
    """For every buffer the storage to fill instead of the recorded one, which may be that of an earlier one.

    A pointwise operation may write over an input that it is the last to read, if that lies in memory in the
    same way; any other operation takes what was free before it.

    Args:
        operations: of a step, in their order.
        results: what has to last until the end of the step.
        buffers: the pieces of memory that are filled anew by every step, each by one operation.
    """
    last_read = {memory(tensor): number for number, o in enumerate(operations) for tensor in o.inputs()}
    last_read |= {memory(tensor): len(operations) for tensor in results}
    storages: dict[int, torch.UntypedStorage] = {}
    free: list[torch.UntypedStorage] = []
    for number, operation in enumerate(operations):
        dying = {
            memory(tensor): tensor
            for tensor in operation.inputs()
            if memory(tensor) in storages and last_read[memory(tensor)] == number
        }
        output = operation.output
        if isinstance(output, Tensor) and memory(output) in buffers and memory(output) not in storages:
            own = output.untyped_storage()
            over = next((kept for kept, t in dying.items() if _may_overwrite(operation, t)), None)
            fitting = [storage for storage in free if storage.nbytes() == own.nbytes()]
            if over is not None:
                storages[memory(output)] = storages[over]
                del dying[over]
            elif fitting:
                storages[memory(output)] = fitting[-1]
                free = [storage for storage in free if storage is not fitting[-1]]
            else:
                storages[memory(output)] = own
            if memory(output) not in last_read:
                last_read[memory(output)] = number
        free += [storages[kept] for kept in dying]
    return storages


def memory(tensor: Tensor) -> int:
    """The piece of memory a tensor lies in, shared with its views."""
    return tensor.untyped_storage()._cdata


def moved(tensor: Tensor, storages: dict[int, torch.UntypedStorage]) -> Tensor:
    """The tensor as it lies in the storage that its own was replaced by."""
    if memory(tensor) not in storages:
        return tensor.detach()
    empty = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    return empty.set_(storages[memory(tensor)], tensor.storage_offset(), tensor.shape, tensor.stride())


def _may_overwrite(operation: Operation, tensor: Tensor) -> bool:
    output = operation.output
    alike = [t for t in operation.inputs() if memory(t) == memory(tensor)]
    return (
        torch.Tag.pointwise in operation.function.tags
        and output.untyped_storage().nbytes() == tensor.untyped_storage().nbytes()
        and all(_layout(t) == _layout(output) for t in alike)
    )


def _layout(tensor: Tensor) -> tuple[object, ...]:
    return tensor.shape, tensor.stride(), tensor.storage_offset(), tensor.dtype
