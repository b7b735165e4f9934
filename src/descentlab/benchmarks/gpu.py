"""Stacks on a GPU beside the least that its memory and its arithmetic allow."""

import time
from collections.abc import Callable
from functools import cache

import torch
from torch import nn

from descentlab.benchmarks.plain_loops import relu_1_2_1, sigmoid_1_500_1
from descentlab.benchmarks.ratio import Case
from descentlab.engines.graph_stack import GraphStack
from descentlab.engines.stack_batches import FullStackBatch
from descentlab.functional.losses import mse

SAMPLES, STEPS = 20, 200
MEMBERS = (1, 100, 10_000, 1_000_000)
MOST_ACTIVATIONS = 10**8
"""Numbers in one layer of a stack's step: of more members, several stacks follow each other."""

COPIED, WIDTH = 2**28, 8192
"""Bytes, and the rows of a square matrix, by which the device's rates are measured."""


def gpu_cases() -> list[Case]:
    """A step of many members on the first GPU against two floors; none where there is no GPU."""
    if not torch.cuda.is_available():
        return []
    nets = {"1-2-1": relu_1_2_1, "1-500-1": sigmoid_1_500_1}
    return [case for name, net in nets.items() for count in MEMBERS for case in floor_cases(name, net, count, "cuda")]


def floor_cases(name: str, net: Callable[[], nn.Module], num_members: int, device: str) -> list[Case]:
    """A step against what it must at least do: read and write each parameter once (bytes over the measured rate of
    a copy), and six operations a weight and sample, two forth and four back (over the rate of a wide product)."""
    num_parameters = sum(parameter.numel() for parameter in net().parameters())
    widest = max(parameter.numel() for parameter in net().parameters())
    together = max(1, min(num_members, MOST_ACTIVATIONS // (SAMPLES * widest)))

    @cache
    def stack() -> GraphStack:
        made = net()
        generator = torch.Generator().manual_seed(1)
        parameters = {
            key: 0.5 * torch.randn(together, *value.shape, generator=generator)
            for key, value in made.named_parameters()
        }
        x = torch.linspace(-1, 1, SAMPLES)[:, None]
        forever = 10**9
        return GraphStack(
            made,
            parameters,
            FullStackBatch(x, 3.5 * x.relu()),
            loss=mse,
            optimizer=torch.optim.SGD,
            hyperparameters={"lr": 1e-4},
            num_steps=forever,
            device=torch.device(device),
        )

    def ours() -> float:
        built = stack()
        began = time.perf_counter()
        built.advance(STEPS)
        return (time.perf_counter() - began) / STEPS * -(-num_members // together)

    def memory() -> float:
        return 8 * num_members * num_parameters / bytes_a_second(device)

    def arithmetic() -> float:
        return 6 * num_members * num_parameters * SAMPLES / operations_a_second(device)

    title = f"gpu step, {name}, {num_members} members"
    return [
        Case(f"{title}, against memory", None, "step", ours, memory),
        Case(f"{title}, against arithmetic", None, "step", ours, arithmetic),
    ]


@cache
def bytes_a_second(device: str) -> float:
    """What a copy in the device's memory reads and writes."""
    source = torch.zeros(COPIED // 4, device=device)
    target = torch.empty_like(source)
    return 2 * COPIED / _seconds(lambda: target.copy_(source), device)


@cache
def operations_a_second(device: str) -> float:
    """Multiplications and additions of a product of square matrices in float32."""
    matrix = torch.randn(WIDTH, WIDTH, device=device)
    return 2 * WIDTH**3 / _seconds(lambda: matrix @ matrix, device)


def _seconds(perform: Callable[[], object], device: str) -> float:
    """The least of five, after one that does not count."""
    times = []
    for _ in range(6):
        began = time.perf_counter()
        perform()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return min(times[1:])
