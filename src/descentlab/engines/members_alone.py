"""Some members of a stack by themselves: what the stack's losses and gradients are held against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from descentlab.engines.problem import Loss
from descentlab.engines.same_bits import same_bits

Gradient = Callable[[dict[str, Tensor]], tuple[Tensor, list[Tensor]]]
"""`(parameters by name) -> losses [member], gradients in the order of the parameters`"""


@dataclass
class MembersAlone:
    """The first, a middle and the last member, each as a lone net.

    Attributes:
        net: the template; its parameters are replaced by the members' own.
        loss: `(prediction, target) -> scalar`.
        x: inputs `[member, sample, feature]`, or `[sample, feature]` shared by all members.
        y: targets `[member, sample, target]`, or `[sample, target]` shared.
        buffers: buffers that differ between members, `[member, ...]`, by name.
        gradient: losses and gradients of all members, in which each is meant to have the bits that it has alone.
    """

    net: nn.Module
    loss: Loss
    x: Float[Tensor, "... sample feature"]
    y: Float[Tensor, "... sample target"]
    buffers: dict[str, Tensor]
    gradient: Gradient

    def agree(self, parameters: dict[str, Tensor], losses: Float[Tensor, " member"], gradients: list[Tensor]) -> bool:
        """True if these losses and gradients are, for the members that are looked at, those of lone nets, but for the
        sign of a zero, which no update depends on."""
        last = len(losses) - 1
        return all(
            same_bits(one.detach() + 0.0, of_all[member] + 0.0)
            for member in {0, last // 2, last}
            for one, of_all in zip(self._of(member, parameters), [losses, *gradients], strict=True)
        )

    def _of(self, member: int, parameters: dict[str, Tensor]) -> list[Tensor]:
        own = {name: value[member].clone().requires_grad_() for name, value in parameters.items()}
        buffers = {name: value[member].clone() for name, value in self.buffers.items()}
        x, y = (points[member].clone() if points.dim() == 3 else points for points in (self.x, self.y))
        with torch.inference_mode(False), torch.enable_grad():
            loss = self.loss(torch.func.functional_call(self.net, (own, buffers), (x,)), y)
            return [loss, *torch.autograd.grad(loss, list(own.values()), materialize_grads=True)]
