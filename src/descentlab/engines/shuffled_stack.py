"""A stack whose members see shuffled batches: a recorded step takes the points of the batch as arguments."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn, optim

from descentlab.engines.problem import Loss
from descentlab.engines.program import Program
from descentlab.engines.stack import Stack
from descentlab.engines.stacked_batches import StackedBatches
from descentlab.engines.stacked_gradient import record_gradient, stacked_gradient


class ShuffledStack(Stack):
    """A stack on batches of its members' points, each member in its own order.

    The last batch of an epoch may be smaller; each size has a record of its own.

    Args:
        batches: of the members.

    The others are those of `Stack`.
    """

    def __init__(
        self,
        net: nn.Module,
        parameters: dict[str, Tensor],
        batches: StackedBatches,
        loss: Loss,
        optimizer: type[optim.Optimizer],
        hyperparameters: dict[str, Any],
        num_steps: Int[Tensor, " member"] | int,
        schedule: Tensor | None = None,
        buffers: dict[str, Tensor] | None = None,
    ) -> None:
        self.batches = batches
        x, y = batches.peek()
        super().__init__(
            net, parameters, x, y, loss, optimizer, hyperparameters, num_steps, schedule=schedule, buffers=buffers
        )

    def _prepare(self, net: nn.Module, loss: Loss, x: Tensor, y: Tensor, buffers: dict[str, Tensor]) -> None:
        self._gradient_of = partial(stacked_gradient, net, loss, buffers=buffers)
        self._programs: dict[int, Program] = {}
        self._steps: dict[tuple[int, bool], Callable[..., Tensor]] = {}
        self._program_for(x, y)
        self.name = "recorded"

    def _program_for(self, x: Tensor, y: Tensor) -> Program:
        size = x.shape[1]
        if size not in self._programs:
            self._programs[size] = record_gradient(self._gradient_of(x, y), self.parameters, {"x": x, "y": y})
        return self._programs[size]

    def _perform(self, count: int) -> Float[Tensor, "step member"]:
        losses = []
        for numbers in self.numbers.rates(self.step, self.step + count, self.dims):
            x, y = self.batches.next()
            key = x.shape[1], self.step == 0
            if key not in self._steps:
                self._steps[key] = self._compiled_step(self._program_for(x, y), ["x", "y"], is_first=key[1])
            with torch.inference_mode():
                losses.append(self._steps[key](x, y, *numbers))
            self.step += 1
        return torch.stack(losses)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "batches": self.batches.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.batches.load_state_dict(state["batches"])
