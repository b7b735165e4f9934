"""The gradient of a loss, three ways: a difference quotient, a formula, automatic differentiation.

Automatic differentiation in one line, z = 2 w^2 + 5 at w = 2, where dz/dw = 4 w (lesson 5f):

>>> autograd_gradient(lambda w: (2 * w**2 + 5).sum(), torch.tensor([2.0]))
tensor([8.])

`backward` adds to the gradient that is there, so a training loop clears it before each step; through
z = 2 w it adds 2 at every call (lesson 5e):

>>> w = torch.tensor(2.0, requires_grad=True)
>>> for _ in range(3):
...     (2 * w).backward()
...     print(w.grad)
tensor(2.)
tensor(4.)
tensor(6.)
"""

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from annotated_types import Gt
from jaxtyping import Float
from torch import Tensor


def forward_difference(
    function: Callable[[Tensor], Tensor],
    point: Float[Tensor, " parameter"],
    step: Annotated[float, Gt(0)],
) -> Float[Tensor, " parameter"]:
    """The gradient by forward differences: (f(p + h e_i) - f(p)) / h for each coordinate i.

    It is off by h/2 times the second derivative, and by the rounding of f divided by h: a smaller step
    mends the first and worsens the second. Computed in the dtype of `point`.

    Args:
        function: (parameter,) to a scalar; see `objectives`.
        point: p, (parameter,).
        step: h, > 0, in the unit of the parameters.

    Returns:
        (parameter,), one quotient a coordinate.
    """
    here = function(point)
    directions = torch.eye(point.shape[0], dtype=point.dtype, device=point.device)
    return torch.stack([(function(point + step * direction) - here) / step for direction in directions])


def analytic_gradient(
    design: Float[Tensor, "sample coefficient"],
    target: Float[Tensor, "sample 1"],
    coefficients: Float[Tensor, " coefficient"],
    loss: Literal["mse", "sse"],
) -> Float[Tensor, " coefficient"]:
    """The gradient of a squared loss of X w by its formula: -2 X'y + 2 X'X w, for the MSE divided by n.

    Computed in this order, in the dtype of the arguments: in float32 the printed digits of lesson 1b are
    those of this order. Near the minimum the two terms cancel, and with them their leading digits.

    Args:
        design: X, (sample, coefficient).
        target: y, (sample, 1).
        coefficients: w, (coefficient,), in the design's column order.
        loss: `mse` or `sse`.

    Returns:
        (coefficient,), in the loss's unit over the coefficient's.
    """
    gradient = (-2 * design.T @ target).squeeze(1) + 2 * design.T @ design @ coefficients
    return gradient / design.shape[0] if loss == "mse" else gradient


def autograd_gradient(
    function: Callable[[Tensor], Tensor], point: Float[Tensor, " parameter"]
) -> Float[Tensor, " parameter"]:
    """The gradient by automatic differentiation: the chain rule, applied to the operations of `function`.

    Exact up to rounding, at the price of a few calls of `function` however many parameters there are.

    Args:
        function: (parameter,) to a scalar, of differentiable torch operations; see `objectives`.
        point: (parameter,).

    Returns:
        (parameter,); `point.grad` is neither read nor written.
    """
    gradient: Tensor = torch.func.grad(function)(point.detach())
    return gradient
