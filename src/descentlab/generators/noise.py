"""Pure noise: nothing to learn, so that whatever a net learns is overfitting (lesson 4i)."""

from typing import Annotated

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor

from descentlab.generators.draw import Draw
from descentlab.generators.points import evenly_spaced, standard_normals


def law(x: Float[Tensor, "sample 1"]) -> Float[Tensor, "sample 1"]:
    """The noiseless law, zero everywhere: (sample, 1) to (sample, 1)."""
    return torch.zeros_like(x)


def noise(
    generator: torch.Generator,
    *,
    num_samples: Annotated[int, Ge(1)],
    noise_std: Annotated[float, Ge(0)],
) -> Draw:
    """Noise about zero at evenly spaced x on [-1, 1].

    y = noise_std e, with e standard normal, the only thing drawn; x is not random. No model beats the
    prediction 0 on a fresh draw.

    Args:
        generator: the stream of the noise, on the CPU; seed 202150754 in the lesson.
        num_samples: how many points, >= 1; in the lesson 100.
        noise_std: the standard deviation of the noise, in the unit of y, >= 0; in the lesson 1.

    Returns:
        x and y of shape (sample, 1) and the truth they were made from: intercept and slope 0.
    """
    return Draw(
        x=evenly_spaced(-1.0, 1.0, num_samples),
        law=law,
        noise=noise_std * standard_normals(generator, num_samples),
        coefficients=[0.0, 0.0],
        noise_std=noise_std,
    )
