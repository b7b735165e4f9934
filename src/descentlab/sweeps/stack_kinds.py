"""What performs the steps of a stack: the one place that decides."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from descentlab.engines.batches import ShuffledBatches
from descentlab.engines.compiled_stack import STEPS_TO_BUILD, CompiledStack
from descentlab.engines.drawing import CPU
from descentlab.engines.graph_stack import GraphStack
from descentlab.engines.native_stack import NativeStack
from descentlab.engines.problem import Batches
from descentlab.engines.record import CannotRecord
from descentlab.engines.stack import Stack
from descentlab.engines.stack_batches import FullStackBatch, ShuffledStackBatches

_KINDS: dict[str, Callable[..., Stack]] = {
    "auto": partial(CompiledStack, least_steps=STEPS_TO_BUILD),
    "compiled": CompiledStack,
    "native": NativeStack,
    "recorded": Stack,
    "eager": Stack,
    "lightning": Stack,
}
"""What performs the steps, by `trainer.engine`."""


def kind_of_stack(
    engine: str, device: torch.device, batches: Sequence[Batches], x: Tensor, y: Tensor
) -> Callable[..., Stack]:
    """The kind of stack that serves, with its batches.

    Args:
        engine: `trainer.engine`.
        device: where the steps are performed.
        batches: of the members.
        x, y: all points, with a leading member axis or shared.

    Raises:
        CannotRecord: if none does, with the reason.
    """
    if device.type == "cuda" and torch.cuda.device_count() == 0:
        raise CannotRecord("there is no CUDA device")
    shuffled = [each for each in batches if isinstance(each, ShuffledBatches)]
    if len({each.batch_size for each in shuffled}) > 1 or 0 < len(shuffled) < len(batches):
        raise CannotRecord("their batches differ in size")
    kind = _KINDS[engine] if device == CPU else partial(GraphStack, device=device)
    return partial(kind, batches=ShuffledStackBatches(shuffled) if shuffled else FullStackBatch(x, y))
