"""Gradient descent on a quadratic, in closed form: the path that training a linear model must take."""

from typing import Annotated

import torch
from annotated_types import Ge, Gt
from jaxtyping import Float
from torch import Tensor


def descent_path(
    hessian: Float[Tensor, "coefficient coefficient"],
    minimum: Float[Tensor, " coefficient"],
    start: Float[Tensor, " coefficient"],
    *,
    lr: Annotated[float, Gt(0)],
    num_steps: Annotated[int, Ge(0)],
) -> Float[Tensor, "row coefficient"]:
    """The parameters before each update of plain gradient descent on a quadratic, in float64.

    w_k = w* + (I - lr H)^k (w_0 - w*) for k = 0, ..., num_steps. In the eigenvectors of H each
    coordinate of w_k - w* shrinks by its own factor 1 - lr lambda a step, and grows without end where
    that factor is beyond 1 in size, so far that it may leave the range of float64.

    Args:
        hessian: H, (coefficient, coefficient), symmetric; see `stability.hessian`.
        minimum: w*, (coefficient,), a point where the gradient is zero; see `least_squares`.
        start: w_0, (coefficient,).
        lr: the learning rate, > 0.
        num_steps: how many updates, >= 0.

    Returns:
        num_steps + 1 rows, (row, coefficient): row 0 is the start, the last row the end.

    Source: J. Nocedal, S. Wright (2006), Numerical Optimization, 2nd edition, section 3.3.
    """
    curvatures, directions = torch.linalg.eigh(hessian.double())  # (coefficient,), one column a direction
    distance = directions.T @ (start.double() - minimum.double())  # (coefficient,), along the directions
    steps = torch.arange(num_steps + 1, dtype=torch.float64, device=distance.device).unsqueeze(1)
    remaining = (1 - lr * curvatures) ** steps  # (row, coefficient)
    return minimum.double() + (remaining * distance) @ directions.T
