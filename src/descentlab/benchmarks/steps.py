"""The time of a step: in a run with everything that a run does, and in a plain loop."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR

from descentlab.benchmarks import plain_loops
from descentlab.benchmarks.ratio import Case
from descentlab.runs.train import train
from descentlab.settings.compose import compose


def seconds_of_run(overrides: Sequence[str], num_steps: int) -> float:
    """The time of one whole run of `num_steps`, from checked settings to its last file."""
    settings = compose([*overrides, f"trainer.max_steps={num_steps}"])
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        train(settings, Path(folder))
        return time.perf_counter() - began


def per_step_of_run(overrides: Sequence[str], short: int, long: int) -> float:
    """The time that each further step costs a run: the difference of a long and a short one."""
    return (seconds_of_run(overrides, long) - seconds_of_run(overrides, short)) / (long - short)


def per_step_of_loop(loop: Callable[[int], None], num_steps: int) -> float:
    """The time of a step of a plain loop, on one thread like the run."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    loop(num_steps)
    return (time.perf_counter() - began) / num_steps


def full_batch_case(
    name: str,
    goal: float,
    overrides: Sequence[str],
    net: Callable[[], nn.Module],
    optimizer: Callable[[nn.Module], Optimizer],
    *,
    scheduled: bool = False,
    num_steps: int = 1000,
) -> Case:
    """A run on 100 points against `plain_loops.descend`.

    Args:
        num_steps: of the short run and of the loop; the long run makes 11 times as many.
    """

    def loop(count: int) -> None:
        made = net()
        steps = optimizer(made)
        plain_loops.descend(made, steps, count, CosineAnnealingLR(steps, T_max=count) if scheduled else None)

    return Case(
        name,
        goal,
        "step",
        ours=lambda: per_step_of_run(overrides, num_steps, 11 * num_steps),
        peer=lambda: per_step_of_loop(loop, num_steps),
    )


def batches_case(
    name: str, goal: float, overrides: Sequence[str], num_samples: int, batch_size: int, ours: range, peer: range
) -> Case:
    """A run of a line on shuffled batches against a loop over `DataLoader(TensorDataset(x, y))`.

    Args:
        ours: from the short run's steps to the long one's.
        peer: likewise of the loop, whose first batch of an epoch waits for the shuffling.
    """
    loader = plain_loops.shuffled_batches(num_samples, batch_size)

    def loop(count: int) -> None:
        net = plain_loops.line()
        plain_loops.descend_on_batches(net, plain_loops.sgd(0.1)(net), loader, count)

    def per_step() -> float:
        short, long = (per_step_of_loop(loop, count) * count for count in (peer.start, peer.stop))
        return (long - short) / (peer.stop - peer.start)

    size = [f"data.num_samples={num_samples}", f"data.batch_size={batch_size}"]
    return Case(
        name,
        goal,
        "step",
        ours=lambda: per_step_of_run(["model=linear", "data=line", *size, *overrides], ours.start, ours.stop),
        peer=per_step,
    )
