"""The way of a run's parameters, found by training it once more: for models too large to be recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from descentlab.engines.choose import choose_engine
from descentlab.engines.problem import Problem
from descentlab.modules.coefficients import flat_parameters
from descentlab.modules.regression import RegressionModule
from descentlab.runs.assemble import assemble


class CannotRetrace(Exception):  # noqa: N818  not an error: whoever asked goes without
    """Why a training cannot be repeated."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Parameters at some steps of a training.

    Attributes:
        steps: gradient updates made, ascending.
        columns: of each step, in the order of `column_names`; those of a model that is linear in them in
            the user's units.
    """

    steps: list[int]
    columns: Float[Tensor, "row column"]


def spread_steps(num_steps: int, most: int) -> list[int]:
    """At most `most` steps from 0 to `num_steps`, both included, the denser the earlier, where more happens."""
    return sorted({round(num_steps * (k / (most - 1)) ** 2) for k in range(most)})


def nearest_rows(steps: Sequence[int], most: int) -> list[int]:
    """The places in `steps` that come nearest to `spread_steps`, ascending; the first and the last are among them."""
    rows = range(len(steps))
    return sorted({min(rows, key=lambda row: abs(steps[row] - at)) for at in spread_steps(steps[-1], most)})


def retrace(settings: Mapping[str, Any], steps: Sequence[int], trained: RegressionModule, num_steps: int) -> Trajectory:
    """The parameters at `steps`, by the engine that trained them.

    Args:
        settings: of the run.
        steps: ascending.
        trained: where the run came to after `num_steps`; held against it where this goes as far.
        num_steps: of the run.

    Raises:
        CannotRetrace: the second training goes another way.
    """
    data, module = assemble(settings)
    configured = module.configure_optimizers()
    optimizer, scheduler = configured, None
    if isinstance(configured, dict):
        optimizer, scheduler = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    requested = settings["trainer"]["engine"]
    problem = Problem(module.net, module.loss, optimizer, scheduler, data.batches)
    engine, _ = choose_engine(problem, "eager" if requested == "lightning" else requested)
    rows, at = [], 0
    for step in steps:
        if step > at:
            at += engine.advance(step - at, range(0)).num_steps
        rows.append(flat_parameters(module.net))
        if at != step:
            raise CannotRetrace(f"a second training stops at step {at}")
    if at == num_steps and not torch.allclose(rows[-1], flat_parameters(trained.net), rtol=1e-3, atol=1e-4):
        raise CannotRetrace("a second training ends elsewhere")
    return Trajectory(list(steps), module.columns(torch.stack(rows)))
