"""The shortest way to call a recorded operation again."""

from __future__ import annotations

import types
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from descentlab.engines.record import Operation

Call = Callable[..., Any]


def direct(function: torch._ops.OpOverload) -> Call:
    """torch's own binding of the same name, or the operation itself."""
    name = function._schema.name
    if name.startswith("aten::"):
        for owner, kind in (
            (torch, types.BuiltinFunctionType),
            (torch.Tensor, types.MethodDescriptorType),
        ):
            binding = getattr(owner, name.removeprefix("aten::"), None)
            if isinstance(binding, kind):
                return binding
    return function._op


def fills_given_memory(operation: Operation) -> bool:
    """True if the operation gives one tensor, and can be asked to write it into memory that is there."""
    output = operation.output
    return isinstance(output, Tensor) and _is_dense(output) and _out_overload(operation.function) is not None


def filling_form(operation: Operation) -> tuple[Call, str]:
    """The call that writes the operation's result into given memory, and the keyword that takes it."""
    overload = _out_overload(operation.function)
    assert overload is not None
    keyword = overload._schema.arguments[-1].name
    binding = direct(operation.function)
    if keyword == "out" and _takes_out(binding, operation):
        return binding, keyword
    return overload._op, keyword


@cache
def _out_overload(function: torch._ops.OpOverload) -> torch._ops.OpOverload | None:
    """The overload with the same arguments and one more that is written to, if torch has a kernel for it.

    Overloads that torch generated would compute the result elsewhere and copy it.
    """
    wanted = [(argument.name, str(argument.type)) for argument in function._schema.arguments]
    packet = function._overloadpacket
    for overload in (getattr(packet, name) for name in packet.overloads()):
        arguments = overload._schema.arguments
        written = [argument for argument in arguments if argument.is_out]
        others = [(argument.name, str(argument.type)) for argument in arguments if not argument.is_out]
        if len(written) == 1 and others == wanted and torch.Tag.generated not in overload.tags:
            return overload if arguments[-1].is_out else None
    return None


def _takes_out(binding: Call, operation: Operation) -> bool:
    try:
        with torch.no_grad():
            binding(*operation.args, **operation.kwargs, out=torch.empty_like(operation.output))
    except (TypeError, RuntimeError):
        return False
    return True


def _is_dense(tensor: Tensor) -> bool:
    return tensor.is_contiguous() or tensor.t().is_contiguous() if tensor.dim() == 2 else tensor.is_contiguous()
