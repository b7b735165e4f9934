"""Gradient steps as PyTorch's documentation writes them: the definition for every other engine."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from descentlab.engines.divergence import advance_guarded, has_finite_gradients, passes_on_non_finite
from descentlab.engines.problem import Problem, Trace


class EagerEngine:
    """A plain loop around `optimizer.step(closure)`; serves any net, loss and optimiser, L-BFGS too.

    Args:
        problem: what is trained.
        reason: why a faster engine was left for this one, or None.
    """

    name = "eager"

    def __init__(self, problem: Problem, reason: str | None = None) -> None:
        self.problem = problem
        self.reason = reason

    def advance(self, num_steps: int, rows: range = range(0)) -> Trace:
        return advance_guarded(self.problem, self.run, num_steps, rows)

    def run(self, num_steps: int, rows: range) -> tuple[Float[Tensor, " step"], Float[Tensor, "row parameter"] | None]:
        """The steps without the rule for divergence; stops early only where a gradient that is not finite
        would leave no mark in the parameters."""
        problem = self.problem
        watched = not passes_on_non_finite(problem.optimizer)
        losses: list[Tensor] = []
        table: list[Tensor] = []
        for step in range(num_steps):
            if step in rows:
                table.append(problem.flat_parameters())
            losses.append(self._step())
            if watched and not has_finite_gradients(problem):
                break
            if problem.scheduler is not None:
                problem.scheduler.step()
        problem.clear_gradients()
        return (
            torch.stack(losses) if losses else torch.empty(0),
            torch.stack(table) if table else None,
        )

    def _step(self) -> Float[Tensor, ""]:
        problem = self.problem
        x, y = problem.batches.next()

        def closure() -> Any:  # torch's stubs say float, its optimisers take and return the tensor
            problem.clear_gradients()
            loss = problem.loss(problem.net(x), y)
            loss.backward()
            return loss

        with torch.enable_grad():
            loss = problem.optimizer.step(closure)
        assert isinstance(loss, Tensor)
        return loss.detach()
