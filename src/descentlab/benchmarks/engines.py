"""The engines and the data by themselves: compiled steps, a thousand members in one stack, many points."""

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
from descentlab.engines.stack import Stack
from descentlab.engines.stack_batches import FullStackBatch
from descentlab.functional.losses import mse
from descentlab.generators.line import line_in_chunks
from descentlab.settings.compose import compose
from descentlab.targets import build

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


def stack_case(name: str, goal: float, kind: type[Stack]) -> Case:
    """1000 seeds x 1000 steps of 1-2-1, draws and weights included, against ONE plain loop of 1000 steps."""
    spec = {key: value for key, value in compose(["model=relu_net"])["data"].items() if key in _KINK}
    net = plain_loops.relu_1_2_1()
    layers = [layer for layer in net.children() if isinstance(layer, nn.Linear)]
    own_weights = list(net.parameters())

    def drawn(seed: int) -> tuple[Tensor, ...]:
        points = build(spec, torch.Generator().manual_seed(seed))
        torch.default_generator.manual_seed(seed)
        for layer in layers:
            layer.reset_parameters()
        return points.x, points.y, *(weight.detach().clone() for weight in own_weights)

    def ours() -> float:
        torch.set_num_threads(1)
        began = time.perf_counter()
        x, y, *weights = (torch.stack(each) for each in zip(*map(drawn, range(MEMBERS)), strict=True))
        parameters = dict(zip(dict(net.named_parameters()), weights, strict=True))
        kind(net, parameters, FullStackBatch(x, y), mse, torch.optim.SGD, {"lr": 0.1}, STEPS).advance(STEPS)
        return time.perf_counter() - began

    def peer() -> float:
        alone = plain_loops.relu_1_2_1()
        return STEPS * per_step_of_loop(
            lambda count: plain_loops.descend(alone, plain_loops.sgd(0.1)(alone), count), STEPS
        )

    return Case(name, goal, "process", ours, peer)


_KINK = ("_target_", "num_samples", "noise_std", "left_slope", "right_slope")


def points_case(num_samples: int, chunk_size: int = 2**16) -> Case:
    """Points of the linear law in chunks against as many pairs of normals, drawn in place."""

    def ours() -> float:
        torch.set_num_threads(1)  # as in a run
        began = time.perf_counter()
        for _ in line_in_chunks(
            torch.Generator().manual_seed(1),
            num_samples=num_samples,
            chunk_size=chunk_size,
            noise_std=0.4,
            coefficients=[2.5, 4.0],
        ):
            pass
        return time.perf_counter() - began

    def peer() -> float:
        generator, values = torch.Generator().manual_seed(1), torch.empty(chunk_size)
        began = time.perf_counter()
        for _ in range(2 * num_samples // chunk_size):
            values.normal_(generator=generator)
        return time.perf_counter() - began

    return Case(f"{num_samples:.0e} points of a line, in chunks", 1.5, "process", ours, peer)
