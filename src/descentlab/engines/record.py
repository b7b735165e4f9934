"""Write down the tensor operations that a function performs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


class CannotRecord(Exception):  # noqa: N818  # not an error: the eager engine serves, and says this reason
    """Why a step cannot be recorded and replayed faithfully, in a few words."""


@dataclass(frozen=True)
class Operation:
    """One call of an ATen operation: the overload, what it was given, what it returned."""

    function: torch._ops.OpOverload
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any

    def inputs(self) -> list[Tensor]:
        return list(tensors_in([self.args, list(self.kwargs.values())]))

    def outputs(self) -> list[Tensor]:
        return list(tensors_in(self.output))

    def mutated(self) -> list[Tensor]:
        """The inputs that the operation writes to (`add_`, `out=`)."""
        given = dict(zip([a.name for a in self.function._schema.arguments], self.args, strict=False))
        given.update(self.kwargs)
        written = [a.name for a in self.function._schema.arguments if a.alias_info and a.alias_info.is_write]
        return list(tensors_in([given[name] for name in written if name in given]))

    def is_random(self) -> bool:
        """True if the operation draws from a generator, and so moves it."""
        return torch.Tag.nondeterministic_seeded in self.function.tags


def record(function: Callable[[], Any]) -> tuple[Any, list[Operation]]:
    """The result of `function()` and the ATen operations it performed, in their order.

    All tensors that took part are kept alive by the operations, so no two of them share memory by accident.

    Raises:
        CannotRecord: if an operation reads a value back to Python or gives a shape that depends on values.
    """
    with _Recorder() as recorder:
        result = function()
    return result, recorder.operations


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in nested lists and tuples, in their order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_in(item)


class DispatchMode(TorchDispatchMode):
    """Sees each tensor operation, without the import of torch._dynamo that torch's own class takes a second for."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # with True torch imports it


class _Recorder(DispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if torch.Tag.data_dependent_output in func.tags:
            raise CannotRecord(f"it reads a value back to Python ({func})")
        if torch.Tag.dynamic_output_shape in func.tags:
            raise CannotRecord(f"it makes a tensor whose shape depends on values ({func})")
        kwargs = kwargs or {}
        if any(isinstance(value, torch.Generator) for value in (*args, *kwargs.values())):
            raise CannotRecord("it draws from an own generator")
        output = func(*args, **kwargs)
        operation = Operation(func, args, kwargs, output)
        for tensor in operation.outputs():
            if tensor.device.type not in ("cpu", "cuda") or tensor.layout != torch.strided or tensor.is_complex():
                kind = f"{tensor.device.type}, {tensor.layout}, {tensor.dtype}"
                raise CannotRecord(f"only dense real tensors on the CPU or a CUDA device are recorded, not {kind}")
        self.operations.append(operation)
        return output
