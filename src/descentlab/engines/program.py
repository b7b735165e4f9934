"""From recorded operations to the lines of Python that perform them again.

A value is where it lies: two tensors that lie in the same memory in the same way are the same value, whatever
operations (`detach`, two transpositions, a view to the same shape) led from one to the other.

Each piece of memory is of one kind:
- *fixed*: the same at every step: data, buffers, numbers made from them. Computed once, while recording.
- *parameter*: updated in place, so that a view of it stays a view of it. Views are made once.
- *buffer*: filled anew by every step, by an operation that can write its result into given memory (`out=`).
  Views of it are made once, too. Buffers that are not needed at the same time share memory (reuse.py).
- *fresh*: made anew by every step.

Only the operations that fill buffers or make fresh memory are written as lines, and of these only the ones
that the loss or a gradient needs, or that draw random numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from descentlab.engines.calls import direct, filling_form, fills_given_memory
from descentlab.engines.record import CannotRecord, Operation, tensors_in
from descentlab.engines.reuse import memory, moved, reused_storages

Place = tuple[Any, ...]


@dataclass
class Program:
    """Lines of Python and what their names mean.

    Attributes:
        lines: assignments, one operation each.
        names: the values of the names that the lines read but do not assign.
        loss: the name of the loss after the lines have run.
        gradients: the names of the gradients then, None for a parameter that the loss does not depend on.
        captured: the tensors from outside, other than parameters and inputs, whose values are built in.
        operations: what the lines perform, in their order.
        results: the recorded loss, and the recorded gradients or None.
    """

    lines: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)
    loss: str = ""
    gradients: list[str | None] = field(default_factory=list)
    captured: list[Tensor] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    results: list[Tensor | None] = field(default_factory=list)

    def made(self) -> set[int]:
        """The pieces of memory that the operations write to."""
        return {memory(tensor) for operation in self.operations for tensor in operation.outputs()}


def build_program(
    operations: list[Operation],
    loss: Tensor,
    gradients: list[Tensor | None],
    parameters: list[Tensor],
    inputs: dict[str, Tensor],
) -> Program:
    """The program that computes `loss` and `gradients` again from parameters that are updated in place.

    Args:
        operations: what was recorded while they were computed.
        loss: the loss.
        gradients: one for each parameter, or None.
        parameters: called `p0`, `p1`, ... in the program.
        inputs: tensors that differ from step to step, by the names under which the lines will find them.

    Raises:
        CannotRecord: if an operation writes to a tensor that was there before the step.
    """
    kinds = _kinds(operations, loss, parameters, inputs)
    results = [loss, *(gradient for gradient in gradients if gradient is not None)]
    if any(kinds.of_memory.get(memory(gradient)) == "parameter" for gradient in results[1:]):
        raise CannotRecord("a gradient lies in the memory of a parameter")
    writer = _Writer(parameters, inputs, kinds)
    program = writer.program
    program.operations = _needed(kinds.repeated, results)
    program.results = [loss, *gradients]
    buffers = {piece for piece, kind in kinds.of_memory.items() if kind == "buffer"}
    writer.storages = reused_storages(program.operations, results, buffers)
    for operation in program.operations:
        writer.write(operation)
    is_own = kinds.of_memory.get(memory(loss)) == "fresh"
    program.loss = writer.name(loss) if is_own else f"{writer.name(loss)}.clone()"
    program.gradients = [None if gradient is None else writer.name(gradient) for gradient in gradients]
    program.captured = kinds.captured
    return program


def place(tensor: Tensor) -> Place:
    """Where and how a tensor lies in memory."""
    return (
        tensor.untyped_storage()._cdata,
        tensor.storage_offset(),
        tuple(tensor.shape),
        tensor.stride(),
        tensor.dtype,
    )


@dataclass
class _Kinds:
    of_memory: dict[int, str]
    repeated: list[Operation] = field(default_factory=list)
    captured: list[Tensor] = field(default_factory=list)


def _kinds(operations: list[Operation], loss: Tensor, parameters: list[Tensor], inputs: dict[str, Tensor]) -> _Kinds:
    """The kind of every piece of memory, and the operations that every step has to perform."""
    rewritten = {memory(tensor) for operation in operations for tensor in operation.mutated()}
    kind_of = {memory(tensor): "parameter" for tensor in parameters}
    kind_of |= {memory(tensor): "fresh" for tensor in inputs.values()}
    outside = set(kind_of)
    result = _Kinds(kind_of)
    for operation in operations:
        for tensor in operation.inputs():
            if memory(tensor) not in kind_of:
                kind_of[memory(tensor)] = "fixed"
                outside.add(memory(tensor))
                result.captured.append(tensor)
        if any(memory(tensor) in outside for tensor in operation.mutated()):
            raise CannotRecord(
                f"it writes to a tensor that outlives the step, as batch norm does ({operation.function})"
            )
        made = {memory(tensor) for tensor in operation.outputs()}
        if operation.is_random() or made & rewritten or operation.mutated():
            kind = "fresh"
        elif _is_independent_of_values(operation):
            kind = "fixed"
        elif made and made <= kind_of.keys():  # a view
            kind = "fresh" if "fresh" in {kind_of[piece] for piece in made} else "view"
        elif all(kind_of[memory(tensor)] == "fixed" for tensor in operation.inputs()):
            kind = "fixed"
        else:
            kind = "buffer" if memory(loss) not in made and fills_given_memory(operation) else "fresh"
        for piece in made:
            kind_of.setdefault(piece, kind)
        if kind in ("fresh", "buffer"):
            result.repeated.append(operation)
    return result


def _is_independent_of_values(operation: Operation) -> bool:
    name = operation.function._schema.name.removeprefix("aten::")
    return name.startswith("new_") or (name.endswith("_like") and not operation.is_random())


def _needed(operations: list[Operation], results: list[Tensor]) -> list[Operation]:
    """The operations without those that give what is there already, and those whose output nobody reads."""
    there: set[Place] = set()
    giving = []
    for operation in operations:
        made = {place(tensor) for tensor in operation.outputs()}
        if operation.mutated() or operation.is_random() or not made <= there:
            giving.append(operation)
        there |= made
    places = {place(tensor) for tensor in results}
    pieces = {memory(tensor) for tensor in results}
    kept = []
    for operation in reversed(giving):
        is_view = {memory(t) for t in operation.outputs()} <= {memory(t) for t in operation.inputs()}
        if (
            operation.is_random()
            or (is_view and any(place(tensor) in places for tensor in operation.outputs()))
            or (not is_view and any(memory(tensor) in pieces for tensor in operation.outputs()))
            or any(memory(tensor) in pieces for tensor in operation.mutated())
        ):
            kept.append(operation)
            places |= {place(tensor) for tensor in operation.inputs()}
            pieces |= {memory(tensor) for tensor in operation.inputs()}
    return kept[::-1]


class _Writer:
    def __init__(self, parameters: list[Tensor], inputs: dict[str, Tensor], kinds: _Kinds) -> None:
        self.program = Program()
        self.kinds = kinds
        self.named: dict[Place, str] = {place(tensor): name for name, tensor in inputs.items()}
        self.storages: dict[int, torch.UntypedStorage] = {}
        self.num_fresh = 0
        for index, parameter in enumerate(parameters):
            self.named[place(parameter)] = f"p{index}"
            self.program.names[f"p{index}"] = parameter.detach()

    def write(self, operation: Operation) -> None:
        """Add the line for an operation."""
        arguments = [self._source(value) for value in operation.args]
        arguments += [f"{key}={self._source(value)}" for key, value in operation.kwargs.items()]
        targets, function = "", direct(operation.function)
        if self.kinds.of_memory[memory(operation.outputs()[0])] == "buffer":
            function, keyword = filling_form(operation)
            arguments.append(f"{keyword}={self.name(operation.output)}")
        else:
            targets = self._targets(operation)
        call = self._bound("f", function)
        self.program.lines.append(f"{targets}{call}({', '.join(arguments)})")

    def name(self, tensor: Tensor) -> str:
        """The name of a value; one that no line makes is fixed or a view of a parameter."""
        if place(tensor) not in self.named:
            if self.kinds.of_memory.get(memory(tensor)) == "fresh":
                raise CannotRecord("an operation gives tensors in nested lists")
            self.named[place(tensor)] = self._bound("c", moved(tensor, self.storages))
        return self.named[place(tensor)]

    def _targets(self, operation: Operation) -> str:
        if all(place(tensor) in self.named for tensor in operation.outputs()):
            return ""
        if isinstance(operation.output, Tensor):
            return f"{self._new_name(operation.output)} = "
        targets = [self._new_name(item) if isinstance(item, Tensor) else "_" for item in operation.output]
        return f"{', '.join(targets)}, = "

    def _new_name(self, tensor: Tensor) -> str:
        name = f"v{self.num_fresh}"
        self.num_fresh += 1
        self.named.setdefault(place(tensor), name)
        return name

    def _source(self, value: Any) -> str:
        if isinstance(value, Tensor):
            return self.name(value)
        if isinstance(value, list | tuple) and any(True for _ in tensors_in(value)):
            return f"[{', '.join(self._source(item) for item in value)}]"
        if value is None or isinstance(value, bool | int):
            return repr(value)
        return self._bound("k", value)

    def _bound(self, prefix: str, value: Any) -> str:
        name = f"{prefix}{len(self.program.names)}"
        self.program.names[name] = value
        return name
