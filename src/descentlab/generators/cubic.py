"""A cubic with noise: polynomial regression (lesson 4a)."""

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
    """The noiseless law, w0 + w1 x + w2 x^2 + w3 x^3: (sample, 1) to (sample, 1), for (w0, w1, w2, w3)."""
    w0, w1, w2, w3 = coefficients
    return w0 + w1 * x + w2 * x**2 + w3 * x**3


def cubic(
    generator: torch.Generator,
    *,
    num_samples: Annotated[int, Ge(1)],
    noise_std: Annotated[float, Ge(0)],
    coefficients: list[float],
) -> Draw:
    """Points about a cubic, at random x.

    y = w0 + w1 x + w2 x^2 + w3 x^3 + noise_std e, with x and e standard normal. Drawn in this order: x,
    then sorted ascending; e. How far the outermost x lies from zero decides which learning rates are
    stable (lesson 4b).

    Args:
        generator: the stream of the draw, on the CPU; seed 202150754 in the lesson.
        num_samples: how many points, >= 1; in the lesson 100.
        noise_std: the standard deviation of the noise, in the unit of y, >= 0; in the lesson 1.
        coefficients: the true (w0, w1, w2, w3); in the lesson (1, 4, 3, -2).

    Returns:
        x and y of shape (sample, 1) and the truth they were made from.

    Raises:
        InputError: `coefficients` are not four.
    """
    require_coefficients("data.coefficients", coefficients, ["w0", "w1", "w2", "w3"])
    x = sorted_normals(generator, num_samples)
    noise = noise_std * standard_normals(generator, num_samples)
    return Draw(
        x=x,
        law=partial(law, coefficients=coefficients),
        noise=noise,
        coefficients=coefficients,
        noise_std=noise_std,
    )
