"""When a run stops because it left the finite numbers, and what is kept then: one rule for every engine.

A run stops at the first step at which the loss, a gradient, or a parameter after the update is not finite.
Kept are the parameters before that update, and everything else as it was then.

Looking at every step would cost a fast engine more than the step. So a run goes through its steps unwatched
and is looked at afterwards, for which this holds: a parameter that has left the finite numbers does not come
back. If something is found, the run is taken back and performed again for exactly the steps to keep. Engines
are deterministic, so the second time leaves the same bits.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, optim

from descentlab.engines.problem import Problem, Trace

Run = Callable[[int, range], tuple[Float[Tensor, " step"], Float[Tensor, "row parameter"] | None]]
"""`(num_steps, rows) -> losses, parameters`: unwatched steps that change the problem. It may stop after the
loss of a step whose gradient is not finite, before the update: then the losses are fewer than `num_steps`."""

PASSES_ON_NON_FINITE = (optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad)
"""Optimisers in which a gradient that is not finite makes its parameter so; others are watched each step."""


def advance_guarded(problem: Problem, run: Run, num_steps: int, rows: range) -> Trace:
    """Perform `num_steps` by `run`, or as many of them as stay finite.

    Args:
        problem: what `run` changes; taken back to its state now where the run has to be repeated.
        run: the engine's unwatched steps.
        num_steps: how many updates, 0 or more.
        rows: the local step indices before whose update the parameters are wanted.

    Returns:
        The trace, as described at `Trace`.
    """
    start = problem.snapshot()
    try:
        losses, parameters = run(num_steps, rows)
    except BaseException:
        problem.restore(start)
        raise
    finite = torch.isfinite(losses)
    if len(losses) == num_steps and bool(finite.all()) and problem.has_finite_parameters():
        return Trace(losses, parameters, num_steps, diverged=False)

    def is_finite_after(steps: int) -> bool:
        nonlocal parameters
        problem.restore(start)
        _, parameters = run(steps, _below(rows, steps))
        return problem.has_finite_parameters()

    last = len(losses) - 1 if bool(finite.all()) else int(finite.int().argmin())
    num_kept = _last_true(is_finite_after, last)
    if num_kept in rows:
        row = problem.flat_parameters()[None]
        parameters = row if parameters is None else torch.cat([parameters, row])
    return Trace(losses[: num_kept + 1], parameters, num_kept, diverged=True)


def passes_on_non_finite(optimizer: optim.Optimizer) -> bool:
    """True if a gradient that is not finite shows in the parameters after `optimizer.step()`."""
    return type(optimizer) in PASSES_ON_NON_FINITE


def has_finite_gradients(problem: Problem) -> bool:
    """True if none of the gradients that the optimiser has just used holds an infinity or a NaN."""
    gradients = [p.grad for group in problem.optimizer.param_groups for p in group["params"]]
    return all(bool(torch.isfinite(gradient).all()) for gradient in gradients if gradient is not None)


def _last_true(is_true: Callable[[int], bool], last: int) -> int:
    """The largest of 0 ... `last` for which `is_true` holds, which is so for 0 and false above the result.

    The answer is nearly always `last` or the one before, so these are tried first; the rest is bisection.
    The call for the answer is always the last one, since the caller keeps what it left.
    """
    for guess in (last, last - 1):
        if guess >= 0 and is_true(guess):
            return guess
    low, high = 0, max(last - 1, 1)  # true at low, false at high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_true(middle) else (low, middle)
    is_true(low)
    return low


def _below(rows: range, stop: int) -> range:
    return range(rows.start, min(rows.stop, stop), rows.step)
