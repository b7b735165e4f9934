"""A line with noise: the iced americano of lesson 1, and the regression of lesson 2."""

from collections.abc import Iterator
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


def line(
    generator: torch.Generator,
    *,
    num_samples: Annotated[int, Ge(1)],
    noise_std: Annotated[float, Ge(0)],
    coefficients: list[float],
) -> Draw:
    """Points about a line, at random x: cups of iced americano sold at a temperature, in lesson 1.

    y = w0 + w1 x + noise_std e, with x and e standard normal. Drawn in this order: x, then sorted
    ascending; e.

    Args:
        generator: the stream of the draw, on the CPU; seed 43052 in lesson 1, 202150754 in lesson 2.
        num_samples: how many points, >= 1; 100 in the lessons.
        noise_std: the standard deviation of the noise, in the unit of y, >= 0; 0.5 in lesson 1, 0.4 in lesson 2.
        coefficients: the true (w0, w1); (2.5, 4) in the lessons.

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


def line_in_chunks(
    generator: torch.Generator,
    *,
    num_samples: Annotated[int, Ge(1)],
    chunk_size: Annotated[int, Ge(1)],
    noise_std: Annotated[float, Ge(0)],
    coefficients: list[float],
) -> Iterator[tuple[Float[Tensor, "sample 1"], Float[Tensor, "sample 1"]]]:
    """Points about a line a chunk at a time, in the order drawn: as many as wanted in the memory of one chunk.

    y = w0 + w1 x + noise_std e, with x and e standard normal. Of each chunk x is drawn first, then e; x is not
    sorted, which would need all points at once. With one chunk these are the points of `line`, unsorted.

    Args:
        generator: the stream of the draw, on the CPU.
        num_samples: how many points in all, >= 1.
        chunk_size: points of a chunk, >= 1; the last one has what is left.
        noise_std: the standard deviation of the noise, in the unit of y, >= 0.
        coefficients: the true (w0, w1).

    Yields:
        x and y of a chunk, (sample, 1); the next chunk is written into the same memory.

    Raises:
        InputError: `coefficients` are not two.
    """
    require_coefficients("data.coefficients", coefficients, ["w0", "w1"])
    intercept, slope = coefficients
    x, y = torch.empty(2, min(chunk_size, num_samples), 1).unbind()
    for start in range(0, num_samples, chunk_size):
        count = min(chunk_size, num_samples - start)
        chunk_x, chunk_y = x[:count], y[:count]
        chunk_x.normal_(generator=generator)
        chunk_y.normal_(generator=generator).mul_(noise_std).add_(chunk_x, alpha=slope).add_(intercept)
        yield chunk_x, chunk_y
