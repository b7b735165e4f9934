"""Iced americano: cups sold against temperature, both standardised (lesson 1)."""

from functools import partial
from typing import Annotated

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor

from descentlab.functional.coefficients import require_coefficients
from descentlab.generators.draw import Draw
from descentlab.generators.points import sorted_normals, standard_normals


def law(x: Float[Tensor, "sample 1"], *, coefficients: list[float]) -> Float[Tensor, "sample 1"]:
    """The noiseless law, w0 + w1 x: (sample, 1) to (sample, 1), for coefficients (w0, w1)."""
    intercept, slope = coefficients
    return intercept + slope * x


def americano(
    generator: torch.Generator,
    *,
    num_samples: Annotated[int, Ge(1)],
    noise_std: Annotated[float, Ge(0)],
    coefficients: list[float],
) -> Draw:
    """Cups of iced americano sold (y) at a temperature (x): a line with noise, at random temperatures.

    y = w0 + w1 x + noise_std e, with x and e standard normal. Drawn in this order: x, then sorted
    ascending; e.

    Args:
        generator: the stream of the draw, on the CPU; seed 43052 in the lesson.
        num_samples: how many points, >= 1; in the lesson 100.
        noise_std: the standard deviation of the noise, in the unit of y, >= 0; in the lesson 0.5.
        coefficients: the true (w0, w1); in the lesson (2.5, 4).

    Returns:
        x and y of shape (sample, 1) and the truth they were made from.

    Raises:
        InputError: `coefficients` are not two.
    """
    require_coefficients("data.coefficients", coefficients, ["w0", "w1"])
    x = sorted_normals(generator, num_samples)
    noise = noise_std * standard_normals(generator, num_samples)
    return Draw(
        x=x,
        law=partial(law, coefficients=coefficients),
        noise=noise,
        coefficients=coefficients,
        noise_std=noise_std,
    )
