"""A plane with noise: multiple regression on two features (lesson 2d)."""

from functools import partial
from typing import Annotated

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor

from descentlab.functional.coefficients import require_coefficients
from descentlab.generators.draw import Draw
from descentlab.generators.points import sorted_normals, standard_normals


def law(x: Float[Tensor, "sample 2"], *, coefficients: list[float]) -> Float[Tensor, "sample 1"]:
    """The noiseless law, w0 + w1 x1 + w2 x2: (sample, 2) to (sample, 1), for coefficients (w0, w1, w2)."""
    intercept, slope1, slope2 = coefficients
    return intercept + slope1 * x[:, :1] + slope2 * x[:, 1:]


def two_features(
    generator: torch.Generator,
    *,
    num_samples: Annotated[int, Ge(1)],
    noise_std: Annotated[float, Ge(0)],
    coefficients: list[float],
) -> Draw:
    """Points about a plane over two features, at random places.

    y = w0 + w1 x1 + w2 x2 + noise_std e, with x1, x2 and e standard normal. Drawn in this order: x1,
    then sorted ascending; x2, then sorted ascending; e. Since both are sorted, the two features rise
    together and are strongly correlated.

    Args:
        generator: the stream of the draw, on the CPU; seed 202150754 in the lesson.
        num_samples: how many points, >= 1; in the lesson 100.
        noise_std: the standard deviation of the noise, in the unit of y, >= 0; in the lesson 0.5.
        coefficients: the true (w0, w1, w2); in the lesson (2.5, 4, -2).

    Returns:
        x of shape (sample, 2), y of shape (sample, 1) and the truth they were made from.

    Raises:
        InputError: `coefficients` are not three.
    """
    require_coefficients("data.coefficients", coefficients, ["w0", "w1", "w2"])
    x1 = sorted_normals(generator, num_samples)
    x2 = sorted_normals(generator, num_samples)
    noise = noise_std * standard_normals(generator, num_samples)
    return Draw(
        x=torch.cat([x1, x2], dim=1),
        law=partial(law, coefficients=coefficients),
        noise=noise,
        coefficients=coefficients,
        noise_std=noise_std,
    )
