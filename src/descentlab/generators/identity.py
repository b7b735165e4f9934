"""The identity on 1, 2, 3, ...: one weight to find, by hand and by optimiser (lesson 3)."""

from typing import Annotated

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor

from descentlab.generators.draw import Draw
from descentlab.generators.points import counted, standard_normals


def law(x: Float[Tensor, "sample 1"]) -> Float[Tensor, "sample 1"]:
    """The noiseless law, x: (sample, 1) to (sample, 1)."""
    return x.clone()


def identity(
    generator: torch.Generator,
    *,
    num_samples: Annotated[int, Ge(1)],
    noise_std: Annotated[float, Ge(0)],
) -> Draw:
    """Points on the line y = x at x = 1, 2, 3, ...

    y = x + noise_std e, with e standard normal, the only thing drawn; x is not random.

    Args:
        generator: the stream of the noise, on the CPU.
        num_samples: how many points, >= 1; in the lesson 3.
        noise_std: the standard deviation of the noise, in the unit of y, >= 0; in the lesson 0.

    Returns:
        x and y of shape (sample, 1) and the truth they were made from.
    """
    x = counted(num_samples)
    noise = noise_std * standard_normals(generator, num_samples)
    return Draw(x=x, law=law, noise=noise, coefficients=[0.0, 1.0], noise_std=noise_std)
