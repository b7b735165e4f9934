"""The losses and gradients of all members of a stack at once, as one recorded program."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from descentlab.engines.compile import compile_step
from descentlab.engines.problem import Loss
from descentlab.engines.program import Program, build_program
from descentlab.engines.record import CannotRecord, record
from descentlab.engines.same_bits import same_bits

Gradient = Callable[[dict[str, Tensor]], tuple[Tensor, list[Tensor]]]
"""`(parameters by name) -> losses [member], gradients in the order of the parameters`"""


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


def record_gradient(gradient: Gradient, parameters: dict[str, Tensor]) -> Program:
    """The program that computes what `gradient(parameters)` does, after updates of `parameters` in place.

    Raises:
        CannotRecord: if the net cannot be batched over members, or its replay gives other bits.
    """
    start = {name: parameter.clone() for name, parameter in parameters.items()}
    try:
        (losses, gradients), operations = record(lambda: gradient(parameters))
        tensors = list(parameters.values())
        program = build_program(operations, losses, list(gradients), tensors, {})
        _prove(program, gradient, parameters)
    except RuntimeError as why:
        raise CannotRecord(f"its members cannot be batched ({str(why).splitlines()[0]})") from why
    finally:
        for name, parameter in parameters.items():
            parameter.copy_(start[name])
    return program


def _prove(program: Program, gradient: Gradient, parameters: dict[str, Tensor]) -> None:
    """Compare the replay with the definition at three points: the start, and two small steps from it."""
    results = f"({program.loss}, [{', '.join(name or 'None' for name in program.gradients)}])"
    replay = compile_step(program.lines, results, [], program.names)(**program.names)
    for _ in range(3):
        losses, gradients = gradient(parameters)
        if not same_bits((losses, gradients), replay()):
            raise CannotRecord("its replayed gradients differ from the eager ones")
        for parameter, one in zip(parameters.values(), gradients, strict=True):
            parameter.add_(one, alpha=-1e-3)
