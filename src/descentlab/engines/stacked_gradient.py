"""The losses and gradients of all members of a stack at once, as one recorded program."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial, reduce
from typing import Any

import torch
from torch import Tensor, nn

from descentlab.engines.compile import compile_step
from descentlab.engines.member_by_member import MemberByMember
from descentlab.engines.member_form import MemberCall, with_member_calls
from descentlab.engines.members_alone import Gradient, MembersAlone
from descentlab.engines.problem import Loss
from descentlab.engines.program import Program, build_program
from descentlab.engines.record import CannotRecord, DispatchMode, record

MOST_TERMS, MOST_COLUMNS = 8, 16
"""The size of a right factor up to which multiplications are cheaper than a product of matrices."""

_REASONS = {
    "random operation": "the net draws random numbers while it trains, as dropout does",
    ".item()": "the net reads a value back to Python",
    "mutate a captured": "the net changes its own buffers while it trains, as batch norm does",
}
"""What torch.func says (2.13), and what it comes to here."""


def stacked_gradient(net: nn.Module, loss: Loss, x: Tensor, y: Tensor, buffers: dict[str, Tensor]) -> Gradient:
    """The definition: `vmap` over members of the gradient of one member's loss.

    Args:
        net: the template; its parameters are replaced by the members' own.
        loss: `(prediction, target) -> scalar`.
        x: inputs `[member, sample, feature]`, or `[sample, feature]` shared by all members.
        y: targets `[member, sample, target]`, or `[sample, target]` shared.
        buffers: buffers that differ between members, `[member, ...]`, by name.
    """

    def loss_of_member(parameters: dict[str, Tensor], own: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return loss(torch.func.functional_call(net, (parameters, own), (x,)), y)

    axes = (0, 0, 0 if x.dim() == 3 else None, 0 if y.dim() == 3 else None)
    gradient_and_loss = torch.func.vmap(torch.func.grad_and_value(loss_of_member), in_dims=axes)

    def evaluate(parameters: dict[str, Tensor]) -> tuple[Tensor, list[Tensor]]:
        gradients, losses = gradient_and_loss(parameters, buffers, x, y)
        return losses, [gradients[name] for name in parameters]

    return evaluate


def member_by_member(gradient: Gradient, num_members: int) -> Gradient:
    """The same losses and gradients, performed so that each member gets the bits of its lone net."""

    def evaluate(parameters: dict[str, Tensor]) -> tuple[Tensor, list[Tensor]]:
        with MemberByMember(num_members):
            return gradient(parameters)

    return evaluate


def record_gradient(
    gradient: Gradient,
    parameters: dict[str, Tensor],
    inputs: dict[str, Tensor],
    same: Callable[[Any, Any], bool],
    alone: MembersAlone | None = None,
) -> Program:
    """The program that computes what `gradient(parameters)` does, after updates of `parameters` in place.

    Args:
        gradient: of `stacked_gradient`.
        parameters: by name.
        inputs: the points that differ from step to step, by the names under which the lines will find them.
        same: whether losses and gradients of the replay are those of the definition.
        alone: where members shall get the bits of their lone nets, if a program can be had that gives them.

    Raises:
        CannotRecord: if the net cannot be batched over members, or its replay gives other numbers.
        torch.OutOfMemoryError: the device has no room for the members.
    """
    start = {name: parameter.clone() for name, parameter in parameters.items()}
    common = parameters, inputs, same
    attempts = [partial(_record, gradient, *common, mode) for mode in (ShortProducts(), nullcontext())]
    if alone is not None:
        own = partial(_record, alone.gradient, *common, nullcontext(), alone)
        short = partial(_record, gradient, *common, ShortProducts(), alone)
        attempts = [partial(own, is_split=True), short, own, *attempts]
    try:
        for attempt in attempts[:-1]:
            try:
                return attempt()
            except torch.OutOfMemoryError:
                raise
            except (CannotRecord, RuntimeError):
                pass
            for name, parameter in parameters.items():
                parameter.copy_(start[name])
        return attempts[-1]()
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as why:
        line = str(why).splitlines()[0]
        reason = next((reason for part, reason in _REASONS.items() if part in line), line)
        raise CannotRecord(f"its members cannot be batched ({reason})") from why
    finally:
        for name, parameter in parameters.items():
            parameter.copy_(start[name])


def _record(
    gradient: Gradient,
    parameters: dict[str, Tensor],
    inputs: dict[str, Tensor],
    same: Callable[[Any, Any], bool],
    mode: AbstractContextManager[Any],
    alone: MembersAlone | None = None,
    is_split: bool = False,
) -> Program:
    """The program, if its replay is proven; where asked for, only if some of it goes member by member."""

    def run() -> tuple[Tensor, list[Tensor]]:
        with mode:
            return gradient(parameters)

    (losses, gradients), operations = record(run)
    program = build_program(operations, losses, list(gradients), list(parameters.values()), inputs)
    program.names = with_member_calls(program.names)
    if is_split and not any(isinstance(value, MemberCall) for value in program.names.values()):
        raise CannotRecord("all of it can be batched")
    _prove(program, gradient, parameters, inputs, same, alone)
    program.operations, program.results = [], []  # whose tensors take more memory than the step's own
    return program


class ShortProducts(DispatchMode):
    """Performs a batch of matrix products with few terms each as multiplications and additions.

    The numbers are the same. The result lies with the samples side by side, so that a net of few hidden units
    is worked on in long rows, where PyTorch's batched product goes through its short ones one by one.
    """

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.ops.aten.bmm.default:
            left, right = args
            terms, columns = right.shape[1:]
            if (terms == 1 and columns <= MOST_COLUMNS) or (terms <= MOST_TERMS and columns == 1):
                products = [
                    torch.mul(right[:, k : k + 1].transpose(1, 2), left[:, :, k : k + 1].transpose(1, 2))
                    for k in range(terms)
                ]
                return reduce(torch.add, products).transpose(1, 2)
        if func is torch.ops.aten.sum.dim_IntList and not args[0].is_contiguous():
            args = (args[0].contiguous(), *args[1:])  # a sum's last bits depend on how its terms lie
        return func(*args, **(kwargs or {}))


def _prove(
    program: Program,
    gradient: Gradient,
    parameters: dict[str, Tensor],
    inputs: dict[str, Tensor],
    same: Callable[[Any, Any], bool],
    alone: MembersAlone | None,
) -> None:
    """Compare the replay with the definition at three points: the start, and two small steps from it."""
    results = f"({program.loss}, [{', '.join(name or 'None' for name in program.gradients)}])"
    replay = compile_step(program.lines, results, list(inputs), program.names)(**program.names)
    for _ in range(3):
        losses, gradients = gradient(parameters)
        replayed = replay(*inputs.values())
        if not same((losses, gradients), replayed):
            raise CannotRecord("its replayed gradients differ from the eager ones")
        if alone is not None and not alone.agree(parameters, *replayed):
            raise CannotRecord("its members' gradients differ from those of lone nets")
        for parameter, one in zip(parameters.values(), gradients, strict=True):
            parameter.add_(one, alpha=-1e-3)
