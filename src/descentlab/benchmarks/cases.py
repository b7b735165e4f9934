"""All cases with their goals."""

import torch

from descentlab.benchmarks.engines import native_case, points_case, stack_case
from descentlab.benchmarks.gpu import gpu_cases
from descentlab.benchmarks.launchers import big_sweep_cases, launcher_cases, sharing_case
from descentlab.benchmarks.plain_loops import Cubic, line, relu_1_2_1, sgd, sigmoid_1_500_1
from descentlab.benchmarks.processes import process_cases
from descentlab.benchmarks.ratio import Case
from descentlab.benchmarks.steps import batches_case, full_batch_case
from descentlab.engines.compiled_stack import CompiledStack
from descentlab.engines.native_stack import NativeStack


def all_cases() -> list[Case]:
    """Every case, in the order of the table."""
    return [
        *step_cases(),
        *optimizer_cases(),
        *logging_cases(),
        *minibatch_cases(),
        *engine_cases(),
        *process_cases(),
        sharing_case(),
        *launcher_cases(),
    ]


def step_cases() -> list[Case]:
    """A step of the default path: SGD on all points."""
    return [
        full_batch_case("step, 1-2-1", 0.20, ["model=relu_net"], relu_1_2_1, sgd(0.1)),
        full_batch_case("step, linear", 0.20, ["model=linear"], line, sgd(0.1)),
        full_batch_case("step, cubic", 0.20, ["model=polynomial", "optimizer.lr=0.01"], Cubic, sgd(0.01)),
        full_batch_case(
            "step, 1-500-1",
            0.55,
            ["model=wide_net", "optimizer.lr=0.001"],
            sigmoid_1_500_1,
            sgd(0.001),
            num_steps=200,
        ),
    ]


def optimizer_cases() -> list[Case]:
    """The other optimisers and a schedule, on 1-2-1."""
    optimizers = {
        "momentum": lambda net: torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9),
        "adam": lambda net: torch.optim.Adam(net.parameters(), lr=0.01),
        "adamw": lambda net: torch.optim.AdamW(net.parameters(), lr=0.01),
        "rmsprop": lambda net: torch.optim.RMSprop(net.parameters(), lr=0.01),
    }
    model = "model=relu_net"
    return [
        *(
            full_batch_case(f"step, {name}", 0.40, [model, f"optimizer={name}"], relu_1_2_1, optimizer)
            for name, optimizer in optimizers.items()
        ),
        full_batch_case(
            "step, cosine schedule", 0.40, [model, "scheduler=cosine"], relu_1_2_1, sgd(0.1), scheduled=True
        ),
    ]


def logging_cases() -> list[Case]:
    """TensorBoard, as often as the goal says, against a loop that logs nothing."""
    every = ["logger.every=50", "callbacks.histograms.every=500"]
    return [
        full_batch_case(
            "step, scalars every 50, histograms every 500", 0.35, ["model=relu_net", *every], relu_1_2_1, sgd(0.1)
        )
    ]


def minibatch_cases() -> list[Case]:
    """Shuffled batches of points that lie in memory."""
    return [
        batches_case("step, batches of 32 from 100", 0.35, [], 100, 32, ours=range(500, 2500), peer=range(100, 600)),
        batches_case("step, batches of 4096 from 1e6", 0.02, [], 10**6, 4096, ours=range(100, 500), peer=range(4, 14)),
    ]


def engine_cases() -> list[Case]:
    """The native engine, which a user asks for by name, stacks, and many points."""
    return [
        native_case("native step, 1-2-1", 0.03, relu_1_2_1, lr=0.1, num_steps=10_000),
        native_case("native step, 1-500-1", 0.20, sigmoid_1_500_1, lr=0.001, num_steps=1000),
        stack_case("stack, 1000 members against one loop", 7.0, CompiledStack),
        stack_case("native stack, 1000 members against one loop", 1.0, NativeStack),
        points_case(100_000_000),
    ]


def chosen(only: str) -> list[Case]:
    """The cases whose name holds `only`, all for an empty one but those that take minutes each or want a GPU."""
    named = [*big_sweep_cases(), *gpu_cases()] if only else []
    return [case for case in [*all_cases(), *named] if only in case.name]
