"""The engines by themselves: compiled steps, and a thousand members in one stack."""

import time
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

from descentlab.benchmarks import plain_loops
from descentlab.benchmarks.ratio import Case
from descentlab.benchmarks.steps import per_step_of_loop
from descentlab.engines.batches import FullBatch
from descentlab.engines.native import NativeEngine
from descentlab.engines.problem import Problem
from descentlab.functional.losses import mse
from descentlab.runs.assemble import assemble
from descentlab.settings.compose import compose
from descentlab.sweeps.stack import fit_stack
from descentlab.sweeps.stacked_module import Member

MEMBERS, STEPS = 1000, 1000


def native_case(name: str, goal: float, net: Callable[[], nn.Module], lr: float, num_steps: int) -> Case:
    """Steps of the native engine, once it is built, against the plain loop."""

    @cache
    def engine() -> NativeEngine:
        made = net()
        optimizer = torch.optim.SGD(made.parameters(), lr=lr)
        return NativeEngine(Problem(made, mse, optimizer, None, FullBatch(*_points())))

    def ours() -> float:
        built = engine()
        began = time.perf_counter()
        built.advance(num_steps)
        return (time.perf_counter() - began) / num_steps

    def loop(count: int) -> None:
        fresh = net()
        plain_loops.descend(fresh, torch.optim.SGD(fresh.parameters(), lr=lr), count)

    return Case(name, goal, "step", ours, peer=lambda: per_step_of_loop(loop, 1000))


def _points() -> tuple[Tensor, Tensor]:
    x = torch.randn(100, 1)
    return x, 2.5 + 4.0 * x


def stack_case() -> Case:
    """1000 seeds x 1000 steps of 1-2-1, draws and weights included, against ONE plain loop of 1000 steps."""
    settings = compose(["model=relu_net"])

    def member(seed: int) -> Member:
        own = {**settings, "data": {**settings["data"], "seed": seed}, "model": {**settings["model"], "seed": seed}}
        data, module = assemble(own)
        return Member(module, data, STEPS)

    def ours() -> float:
        began = time.perf_counter()
        fit_stack([member(seed) for seed in range(MEMBERS)], history_every=STEPS, validation_every=STEPS)
        return time.perf_counter() - began

    def peer() -> float:
        net = plain_loops.relu_1_2_1()
        return STEPS * per_step_of_loop(lambda count: plain_loops.descend(net, plain_loops.sgd(0.1)(net), count), STEPS)

    return Case("stack, 1000 members against one loop", 7.0, "process", ours, peer)
