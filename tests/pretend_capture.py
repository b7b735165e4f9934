"""A capture on a device that only this process knows: what CUDA refuses there is refused, and a replay performs the
same operations on the same memory again."""

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from descentlab.engines.graph import NUM_DIRECT_CALLS

WAITS_FOR_VALUES = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}


class _Captured(TorchDispatchMode):
    """Notes operations, and refuses those that wait for a value or read another memory.

    Args:
        is_there: whether a tensor is on the device.
    """

    def __init__(self, is_there):
        super().__init__()
        self.is_there = is_there
        self.operations = []

    @classmethod
    def _should_skip_dynamo(cls):
        return False

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if WAITS_FOR_VALUES & set(function.tags):
            raise RuntimeError(f"{function} waits for a value in a capture")
        output = function(*args, **kwargs)
        if not all(map(self.is_there, _tensors((args, kwargs, output)))):
            raise RuntimeError(f"{function} works on the CPU's memory in a capture")
        self.operations.append((function, args, kwargs, output))
        return output

    def replay(self):
        with torch.inference_mode():
            for function, args, kwargs, output in self.operations:
                own = {_storage(tensor) for tensor in _tensors((args, kwargs))}
                made = function(*args, **kwargs)
                for place, value in zip(_tensors(output), _tensors(made), strict=True):
                    if _storage(place) not in own:
                        place.copy_(value)


def calls_on(device, is_there):
    """What `Graph` does at a call, of which those on the device are captured after some direct ones."""

    def call(graph):
        graph._num_calls += 1
        if graph._replay is not None:
            graph._replay()
        elif graph._device != device or graph._num_calls <= NUM_DIRECT_CALLS:
            graph._function()
        else:
            captured = _Captured(is_there)
            with captured:
                graph._function()  # which is the first replay
            graph._replay = captured.replay

    return call


def _tensors(values):
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


def _storage(tensor):
    return tensor.untyped_storage()._cdata
