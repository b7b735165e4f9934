"""A problem's gradient step as a recorded program."""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.engines.drawing import generator_states, set_generator_states
from descentlab.engines.optimizer_state import optimized
from descentlab.engines.preconditions import plain_attributes, put_back_attributes, saved_attributes
from descentlab.engines.problem import Problem
from descentlab.engines.program import Program, build_program
from descentlab.engines.record import CannotRecord, record
from descentlab.engines.reuse import memory


def record_step(problem: Problem, x: Tensor, y: Tensor) -> Program:
    """The program that computes the loss and its gradients on batches that lie as this one does.

    Args:
        problem: left as it is.
        x: inputs `[sample, feature]`; built in where the batches are full, else called `x` by the program.
        y: targets `[sample, target]`, likewise.

    Raises:
        CannotRecord: if the step does more than a program can do again, with the reason.
    """
    parameters = optimized(problem)
    is_full = problem.batches.is_full
    if not is_full and memory(x) == memory(y):
        raise CannotRecord("a batch's inputs and targets lie in the same memory")
    generators = generator_states(problem.device)
    attributes, before = saved_attributes(problem), plain_attributes(problem)

    def loss_and_gradients() -> tuple[Tensor, tuple[Tensor | None, ...]]:
        loss = problem.loss(problem.net(x), y)
        return loss, torch.autograd.grad(loss, parameters, allow_unused=True)

    try:
        with torch.inference_mode(False), torch.enable_grad():
            (loss, gradients), operations = record(loss_and_gradients)
    finally:
        set_generator_states(generators, problem.device)
        is_changed = plain_attributes(problem) != before
        put_back_attributes(attributes)
    if is_changed:
        raise CannotRecord("the net changes its own attributes as it runs")
    inputs = {} if is_full else {"x": x, "y": y}
    return build_program(operations, loss, list(gradients), list(parameters), inputs)
