"""A member of a stack by itself: the definition of what a stack leaves of it."""

from __future__ import annotations

import copy
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn, optim

from descentlab.engines.eager import EagerEngine
from descentlab.engines.problem import Batches, Loss, Problem


def lone_run(
    net: nn.Module,
    values: dict[str, Tensor],
    batches: Batches,
    loss: Loss,
    optimizer: type[optim.Optimizer],
    hyperparameters: dict[str, Any],
    rates: list[float],
) -> tuple[Float[Tensor, " step"], Float[Tensor, " parameter"]]:
    """The losses of a net's first steps in plain PyTorch, and the parameters after them.

    Args:
        net: its architecture; left as it is.
        values: its parameters and buffers by name, where they are not the net's.
        batches: at their beginning.
        loss: `(prediction, target) -> scalar`.
        optimizer: its class.
        hyperparameters: its keyword arguments.
        rates: the learning rate of each step.
    """
    own = copy.deepcopy(net)
    places = dict(own.named_parameters()) | dict(own.named_buffers())
    with torch.no_grad():
        for name, value in values.items():
            places[name].copy_(value)
    steps = optimizer([parameter for parameter in own.parameters() if parameter.requires_grad], **hyperparameters)
    problem = Problem(own, loss, steps, None, batches)
    engine, losses = EagerEngine(problem), []
    for rate in rates:
        steps.param_groups[0]["lr"] = rate
        losses.append(engine.run(1, range(0))[0])
    return torch.cat(losses) if losses else torch.empty(0), problem.flat_parameters()
