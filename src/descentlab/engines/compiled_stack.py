"""Many nets trained as one by compiled C: sixteen members in each vector register, blocks of them on threads.

The step of one member is recorded (record.py) and written as C in which every number is a block of members
(c/stack_source.py). A function runs over all steps of an advance for a block; in it each member has its
own numbers, its own end and its own divergence. The built function is held against the recorded stack on its
first steps, bit for bit, or against lone runs; what it does not cover, the recorded stack performs.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from descentlab.engines.c.build import build
from descentlab.engines.c.exact_lanes import ExactLanePlaces
from descentlab.engines.c.fixed_values import without_fixed_operations
from descentlab.engines.c.lanes import BLOCK, LanePlaces
from descentlab.engines.c.routines import address
from descentlab.engines.c.stack_source import stack_source
from descentlab.engines.checked_stack import CheckedStack
from descentlab.engines.problem import Loss
from descentlab.engines.program import Program, build_program
from descentlab.engines.record import CannotRecord, record
from descentlab.engines.stack_trace import StackTrace
from descentlab.engines.threads import num_threads, on_threads

STEPS_TO_BUILD = 300_000
"""Steps of all members together from which building a function is worth its time."""


class CompiledStack(CheckedStack):
    """A stack that takes its steps in C where it can, and is a recorded one elsewhere, with the reason.

    The arguments are those of `Stack`; float32 only.

    Args:
        least_steps: steps of all members together; for fewer nothing is built.
    """

    own_name = "compiled"

    def __init__(self, *args: Any, least_steps: int = 0, **kwargs: Any) -> None:
        self._least_steps = least_steps
        super().__init__(*args, **kwargs)

    def make_places(self, num_samples: int) -> LanePlaces:
        """What the operations are written to."""
        return ExactLanePlaces(num_samples)

    def _prepare(self, net: nn.Module, loss: Loss, buffers: dict[str, Tensor]) -> None:
        self.native_reason: str | None = None
        try:
            if not self.batches.is_full:
                raise CannotRecord(f"{self.own_name} steps take full batches")
            if self.num_members * int(self.last_steps.max()) < self._least_steps:
                raise CannotRecord("the steps are too few to build a function for them")
            self._build(net, loss, buffers)
            self._compare(net, loss, buffers)
            self.name = self.own_name
        except CannotRecord as why:
            self.native_reason = str(why)
            super()._prepare(net, loss, buffers)

    # ---- building

    def _build(self, net: nn.Module, loss: Loss, buffers: dict[str, Tensor]) -> None:
        x, y = self.batches.peek()
        of_all = {f"b{k}": buffer for k, buffer in enumerate(buffers.values())}
        of_all |= {name: points for name, points in (("x", x), ("y", y)) if points.dim() == 3}
        first = {name: tensor[0].clone() for name, tensor in of_all.items()}
        parameters = {name: value[0].clone().requires_grad_() for name, value in self.parameters.items()}
        own = {name: first[f"b{k}"] for k, name in enumerate(buffers)}
        program = _record_member(net, loss, parameters, own, first.get("x", x), first.get("y", y), first)
        program, fixed = without_fixed_operations(program, list(parameters.values()), first, of_all)
        given = {f"p{k}": value.detach() for k, value in enumerate(parameters.values())}
        given |= {name: tensor[0].clone() for name, tensor in self.state.items()} | first
        given |= {name: recorded for name, (recorded, _) in fixed.items()}
        of_all |= {name: values for name, (_, values) in fixed.items()}
        places = self.make_places(x.shape[-2])
        self._source = stack_source(program, given, self.rule, self.numbers.group, self._rate_names(), places)
        self._function = build(self._source.text, places.is_exact)
        self._data = {name: _in_blocks(tensor) for name, tensor in of_all.items()}

    # ---- training

    def advance_fast(self, num_steps: int, rows: range) -> StackTrace:
        was_diverged = self.diverged.clone()
        num_rows = len(range(rows.start, min(rows.stop, num_steps), rows.step))
        num_blocks = -(-self.num_members // BLOCK)
        places = {f"p{k}": value for k, value in enumerate(self.parameters.values())} | self.state
        own = {name: _in_blocks(tensor.reshape(self.num_members, -1)) for name, tensor in places.items()} | self._data
        numbers = _in_blocks(self.numbers.fixed_columns().T.expand(self.num_members, -1))
        rates, width = self._rates(num_steps)
        num_parameters = sum(value[0].numel() for value in self.parameters.values())
        losses = torch.full((num_blocks, num_steps, BLOCK), torch.nan)
        table = torch.empty(num_blocks, num_rows, num_parameters, BLOCK)
        wanted = torch.tensor([rows.start, rows.step, num_rows])
        last, taken = _in_blocks(self.last_steps), torch.zeros(num_blocks, BLOCK, dtype=torch.long)
        alive = _in_blocks((~self.diverged).int())

        def run(blocks: range) -> None:
            scratch = [torch.empty(count * BLOCK) for count in self._source.scratch]
            common = [tensor.untyped_storage().data_ptr() for tensor in self._source.shared]
            common += [tensor.data_ptr() for tensor in scratch]
            common += list(map(address, self._source.routines))
            for block in blocks:
                pieces = [own[name][block].data_ptr() for name in self._source.given] + common
                self._function(
                    (ctypes.c_void_p * len(pieces))(*pieces),
                    _pointer(numbers[block]),
                    _pointer(rates[block if len(rates) > 1 else 0]),
                    ctypes.c_long(width),
                    _pointer(losses[block]),
                    _pointer(table[block]),
                    _pointer(wanted),
                    _pointer(last[block]),
                    _pointer(alive[block]),
                    _pointer(taken[block]),
                    ctypes.c_long(self.step),
                    ctypes.c_long(num_steps),
                )

        num_parts = min(num_blocks, 4 * num_threads())
        on_threads(run, [range(part, num_blocks, num_parts) for part in range(num_parts)])
        for name, tensor in places.items():
            tensor.copy_(_from_blocks(own[name], self.num_members).reshape(tensor.shape))
        self.step += num_steps
        counts = taken.reshape(-1)[: self.num_members]
        self.steps += counts
        self.diverged = alive.reshape(-1)[: self.num_members] == 0
        self._was_frozen, self.kept = self._frozen(), self._moving()
        of_all = losses.transpose(0, 1).reshape(num_steps, num_blocks * BLOCK)[:, : self.num_members].contiguous()
        parameters = None
        if num_rows:
            rows_of_all = table.permute(1, 0, 3, 2).reshape(num_rows, num_blocks * BLOCK, num_parameters)
            parameters = rows_of_all[:, : self.num_members]
        return StackTrace(of_all, parameters, counts, self.diverged.clone()).cut_at_ends(was_diverged)

    def _rate_names(self) -> list[str]:
        return list(self.numbers.of_step(0))

    def _rates(self, num_steps: int) -> tuple[Float[Tensor, "block row lane"], int]:
        """The numbers of every step, and how many there are a step: none if all steps have the same."""
        is_constant = self.numbers.are_constant
        table = self.numbers.table(self.step, self.step + (1 if is_constant else num_steps))
        return _in_blocks(table.flatten(0, 1).T), 0 if is_constant else table.shape[1] * BLOCK


def _record_member(
    net: nn.Module,
    loss: Loss,
    parameters: dict[str, Tensor],
    buffers: dict[str, Tensor],
    x: Tensor,
    y: Tensor,
    inputs: dict[str, Tensor],
) -> Program:
    """The record of one member's loss and gradients, in which `inputs` may be other values for other members."""

    def loss_and_gradients() -> tuple[Tensor, tuple[Tensor | None, ...]]:
        found = loss(torch.func.functional_call(net, (parameters, buffers), (x,)), y)
        return found, torch.autograd.grad(found, list(parameters.values()), allow_unused=True)

    with torch.enable_grad():
        (found, gradients), operations = record(loss_and_gradients)
    if any(gradient is None for gradient in gradients):
        raise CannotRecord("the loss does not depend on all parameters")
    return build_program(operations, found, list(gradients), list(parameters.values()), inputs)


def _in_blocks(tensor: Shaped[Tensor, "member ..."]) -> Shaped[Tensor, "block element lane"]:
    """All elements of a member side by side with those of other members; the last block is filled up with the last
    member."""
    num_members = len(tensor)
    members = torch.arange(-(-num_members // BLOCK) * BLOCK).clamp(max=num_members - 1)
    blocks = tensor.reshape(num_members, -1)[members].reshape(len(members) // BLOCK, BLOCK, -1)
    return blocks.transpose(1, 2).contiguous()


def _from_blocks(blocks: Float[Tensor, "block element lane"], num_members: int) -> Float[Tensor, "member element"]:
    return blocks.transpose(1, 2).reshape(-1, blocks.shape[1])[:num_members]


def _pointer(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())
