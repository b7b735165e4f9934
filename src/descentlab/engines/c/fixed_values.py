"""What a step computes of a member's data alone is the same at every step, and is computed once before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from descentlab.engines.program import Program, place
from descentlab.engines.record import CannotRecord, Operation, tensors_in
from descentlab.engines.reuse import memory


def without_fixed_operations(
    program: Program, parameters: list[Tensor], recorded: dict[str, Tensor], of_all: dict[str, Tensor]
) -> tuple[Program, dict[str, tuple[Tensor, Tensor]]]:
    """The program without the operations that do not depend on the parameters, and their results for all members.

    Args:
        program: the record of one member's step.
        parameters: of that member.
        recorded: that member's own data, by name.
        of_all: the same of all members, `[member, ...]`.

    Returns:
        The program, and by a name of its own each result that it reads: the recorded tensor, and the values of
        all members, `[member, number]`, as they lie in its memory.

    Raises:
        CannotRecord: if one of the operations cannot be performed for every member.
    """
    moving = {memory(parameter) for parameter in parameters}
    fixed, repeated = [], []
    for operation in program.operations:
        if any(memory(tensor) in moving for tensor in operation.inputs()):
            moving |= {memory(tensor) for tensor in operation.outputs()}
            repeated.append(operation)
        else:
            fixed.append(operation)
    if any(operation.is_random() or operation.mutated() for operation in fixed):
        raise CannotRecord("it draws numbers, or writes over what it has computed")
    own = {memory(tensor) for tensor in recorded.values()}
    read = {memory(tensor) for operation in repeated for tensor in operation.inputs()} - own
    wanted = {
        memory(output): output
        for operation in reversed(fixed)
        for output in operation.outputs()
        if memory(output) in read
    }
    columns: list[list[Tensor]] = [[] for _ in wanted]
    for member in range(len(next(iter(of_all.values()), ())) if wanted else 0):
        known = {place(tensor): of_all[name][member] for name, tensor in recorded.items()}
        for operation in fixed:
            _perform(operation, known)
        for column, output in zip(columns, wanted.values(), strict=True):
            column.append(_as_it_lies(known[place(output)]))
    results = {
        f"d{k}": (output, torch.stack(column))
        for k, (output, column) in enumerate(zip(wanted.values(), columns, strict=True))
    }
    return replace(program, operations=repeated), results


def _perform(operation: Operation, known: dict[Any, Tensor]) -> None:
    """The operation on what is known in the places of its recorded inputs."""

    def value(given: Any) -> Any:
        if isinstance(given, Tensor):
            return known.get(place(given), given)
        return [value(item) for item in given] if isinstance(given, list | tuple) else given

    kwargs = {key: value(given) for key, given in operation.kwargs.items()}
    output = operation.function(*(value(given) for given in operation.args), **kwargs)
    known.update(zip(map(place, operation.outputs()), tensors_in(output), strict=True))


def _as_it_lies(tensor: Tensor) -> Tensor:
    """All numbers of the memory in which the tensor lies."""
    storage = tensor.untyped_storage()
    size = storage.nbytes() // tensor.element_size()
    return torch.empty(0, dtype=tensor.dtype).set_(storage, 0, (size,), (1,))
