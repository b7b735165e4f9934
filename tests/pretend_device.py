"""A device that only this process knows: CPU memory that may not be mixed with any other.

Tensors are on it by a mark on their memory. Whatever would fail on a GPU for lying in two places fails here, too.
"""

from contextlib import contextmanager

import pytest
import torch
from torch import Tensor
from torch._C._functorch import get_unwrapped, is_functorch_wrapped_tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from descentlab.engines.graph import Graph
from pretend_capture import calls_on

DEVICE = torch.device("cpu", 0)
"""What `device` of a tensor on it says; one elsewhere says `cpu`."""

aten = torch.ops.aten
CROSSES = {aten.copy_.default, aten._to_copy.default, aten.index.Tensor}


class _Marks:
    def __init__(self):
        self.storages = {}

    def put(self, value, is_there):
        for tensor in tree_leaves(value):
            if isinstance(tensor, Tensor):
                storage = _plain(tensor).untyped_storage()
                if is_there:
                    self.storages[storage._cdata] = storage  # kept, so that no other takes its number
                else:
                    assert storage._cdata not in self.storages
        return value

    def has(self, tensor):
        storage = tensor if isinstance(tensor, torch.UntypedStorage) else _plain(tensor).untyped_storage()
        return storage._cdata in self.storages


def _plain(tensor):
    while is_functorch_wrapped_tensor(tensor):
        tensor = get_unwrapped(tensor)
    return tensor


def _is_number(value):
    """True for what a GPU's operation takes from the CPU as well."""
    return isinstance(value, Tensor) and value.dim() == 0


class _Placing(TorchDispatchMode):
    """Refuses operations on tensors in two places, and marks what they give."""

    def __init__(self, marks):
        super().__init__()
        self.marks = marks

    @classmethod
    def _should_skip_dynamo(cls):
        return False

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        given = [v for v in tree_leaves((args, kwargs)) if isinstance(v, Tensor | torch.UntypedStorage)]
        there = [self.marks.has(v) for v in given]
        binding = [is_there for v, is_there in zip(given, there, strict=True) if not _is_number(v)] or there
        if function not in CROSSES and any(there) and not all(binding):
            raise RuntimeError(f"{function} was given tensors on two devices")
        output = function(*args, **kwargs)
        if kwargs.get("device") is not None:
            self.marks.put(output, kwargs["device"] == DEVICE)
        elif function is aten.index.Tensor:
            self.marks.put(output, there[0])
        elif function is aten.copy_.default:
            pass
        elif any(there):
            self.marks.put(output, True)
        return output


class _Naming(TorchFunctionMode):
    """Carries tensors from one place to the other, and says where they are."""

    def __init__(self, marks):
        super().__init__()
        self.marks = marks

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if function == Tensor.device.__get__:
            return DEVICE if self.marks.has(args[0]) else torch.device("cpu")
        if function is Tensor.numpy and self.marks.has(args[0]):
            raise TypeError("can't convert a tensor on a device to numpy")
        if function is Tensor.cpu:
            return self._carried(args[0], torch.device("cpu"))
        if function is Tensor.to:
            given = [*args[1:], *kwargs.values()]
            device = next((torch.device(v) for v in given if isinstance(v, torch.device | str)), None)
            dtype = next((v for v in given if isinstance(v, torch.dtype)), None)
            moved = args[0] if device is None else self._carried(args[0], device)
            return moved if dtype is None else function(moved, dtype)
        return function(*args, **kwargs)

    def _carried(self, tensor, device):
        is_there = device == DEVICE
        if self.marks.has(tensor) == is_there:
            return tensor
        made = torch.empty_like(tensor, device=device)
        with torch.no_grad():
            return made.copy_(tensor)


@contextmanager
def pretending():
    """Within, `DEVICE` is a device of its own, on which steps are captured."""
    marks = _Marks()
    with pytest.MonkeyPatch.context() as patch, _Placing(marks), _Naming(marks):
        patch.setattr(Graph, "__call__", calls_on(DEVICE, marks.has))
        yield DEVICE
