"""A line with a kink at zero: what a straight line underfits and two ReLU units fit (lesson 4c)."""

from functools import partial
from typing import Annotated

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor

from descentlab.generators.draw import Draw
from descentlab.generators.points import evenly_spaced, standard_normals


def law(x: Float[Tensor, "sample 1"], *, left_slope: float, right_slope: float) -> Float[Tensor, "sample 1"]:
    """The noiseless law, left_slope x for x < 0 and right_slope x for x >= 0: (sample, 1) to (sample, 1)."""
    return torch.where(x < 0, left_slope * x, right_slope * x)


def kink(
    generator: torch.Generator,
    *,
    num_samples: Annotated[int, Ge(1)],
    noise_std: Annotated[float, Ge(0)],
    left_slope: float,
    right_slope: float,
) -> Draw:
    """Points about two half-lines that meet at zero, at evenly spaced x on [-1, 1].

    y = left_slope x + noise_std e for x < 0 and right_slope x + noise_std e for x >= 0, with e standard
    normal, the only thing drawn; x is not random.

    Args:
        generator: the stream of the noise, on the CPU.
        num_samples: how many points, >= 1; in the lesson 100.
        noise_std: the standard deviation of the noise, in the unit of y, >= 0; in the lesson 0.3.
        left_slope: the slope for x < 0; in the lesson 1.
        right_slope: the slope for x >= 0; in the lesson 3.5.

    Returns:
        x and y of shape (sample, 1) and the truth they were made from; no coefficients, since the law is
        not a weighted sum of powers of x.
    """
    x = evenly_spaced(-1.0, 1.0, num_samples)
    noise = noise_std * standard_normals(generator, num_samples)
    return Draw(
        x=x,
        law=partial(law, left_slope=left_slope, right_slope=right_slope),
        noise=noise,
        coefficients=None,
        noise_std=noise_std,
    )
