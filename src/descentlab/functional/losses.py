"""Losses: two tensors of one shape to a scalar, and how each grows with the unit of the target.

Every loss refuses unequal shapes before it subtracts. Without that, torch broadcasts a prediction of
shape (100, 1) against a target of shape (100,) to 100 x 100 differences, and the mean of those is a
number that looks like a loss (lesson 2b):

>>> generator = torch.Generator().manual_seed(202150754)
>>> x = torch.randn(100, generator=generator).sort().values
>>> target = 2.5 + 4 * x + 0.4 * torch.randn(100, generator=generator)  # (100,)
>>> prediction = (-5 + 10 * x).unsqueeze(1)                             # (100, 1)
>>> print(f"{((prediction - target) ** 2).mean():.4f}")                 # the mean of 10 000 squares
187.0950
>>> mse(prediction, target)
Traceback (most recent call last):
    ...
descentlab.errors.InputError: loss: expected a prediction and a target of one shape, came prediction \
(100, 1) and target (100,); reshape one to the other, as in target.unsqueeze(1).
>>> print(f"{mse(prediction, target.unsqueeze(1)):.4f}")
109.8145
"""

import functools
from collections.abc import Callable
from typing import Annotated, Any, ParamSpec, Protocol, cast, runtime_checkable

import torch
import torch.nn.functional as F
from annotated_types import Gt
from jaxtyping import Float
from torch import Tensor

from descentlab.errors import InputError

Arguments = ParamSpec("Arguments")


@runtime_checkable
class Loss(Protocol[Arguments]):
    """A loss function that carries its `degree`: loss(c p, c y) = c^degree loss(p, y) for c > 0."""

    degree: int

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Tensor: ...


def grows_with_degree(degree: int) -> Callable[[Callable[Arguments, Tensor]], Loss[Arguments]]:
    """The decorator that notes a loss's `degree` on it; see `Loss`."""

    def mark(function: Callable[Arguments, Tensor]) -> Loss[Arguments]:
        loss = cast(Loss[Arguments], function)
        loss.degree = degree
        return loss

    return mark


def degree_of(loss: Callable[..., Any]) -> int:
    """The `degree` of a loss, also of a `functools.partial` of one (huber with its delta fixed).

    A loss on targets divided by a scale s is given back in the target's own unit by s^degree.

    Args:
        loss: a loss of this file, or any callable with an integer attribute `degree`.

    Raises:
        AttributeError: the loss does not carry a degree.
    """
    while isinstance(loss, functools.partial):
        loss = loss.func
    return int(cast(Loss[Any], loss).degree)


def on_scaled_targets(loss: Callable[..., Any], scale: float) -> Callable[..., Any]:
    """The loss that on targets divided by `scale` is `loss` itself, but for the factor scale^-degree.

    The settings of a loss (huber's delta) are in the target's unit, so they are divided with it.

    Args:
        loss: a loss of this file, or a `functools.partial` of one that fixes its settings.
        scale: s, > 0.
    """
    if not isinstance(loss, functools.partial):
        return loss
    return functools.partial(loss.func, **{name: value / scale for name, value in loss.keywords.items()})


# The two shapes are not tied by name in the hints: a loss itself has to say what is wrong with them.


@grows_with_degree(2)
def mse(prediction: Float[Tensor, "..."], target: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """The mean of the squared residuals, mean((prediction - target)^2), as `torch.nn.MSELoss` has it.

    Args:
        prediction: any shape, in the target's unit.
        target: the same shape.

    Returns:
        A scalar, in the target's unit squared: the mean over all elements.

    Raises:
        InputError: the shapes differ.
    """
    require_equal_shapes(prediction, target)
    return F.mse_loss(prediction, target)


@grows_with_degree(2)
def sse(prediction: Float[Tensor, "..."], target: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """The sum of the squared residuals, sum((prediction - target)^2): the MSE times the sample count.

    Its gradient is that many times longer than the MSE's, so it bears a learning rate that much smaller.

    Args:
        prediction: any shape, in the target's unit.
        target: the same shape.

    Returns:
        A scalar, in the target's unit squared: the sum over all elements.

    Raises:
        InputError: the shapes differ.
    """
    require_equal_shapes(prediction, target)
    return F.mse_loss(prediction, target, reduction="sum")


@grows_with_degree(1)
def mae(prediction: Float[Tensor, "..."], target: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """The mean of the absolute residuals, mean(|prediction - target|), as `torch.nn.L1Loss` has it.

    Args:
        prediction: any shape, in the target's unit.
        target: the same shape.

    Returns:
        A scalar, in the target's unit: the mean over all elements.

    Raises:
        InputError: the shapes differ.
    """
    require_equal_shapes(prediction, target)
    return F.l1_loss(prediction, target)


@grows_with_degree(2)  # when delta, which is in the target's unit, is scaled along with it
def huber(
    prediction: Float[Tensor, "..."], target: Float[Tensor, "..."], *, delta: Annotated[float, Gt(0)]
) -> Float[Tensor, ""]:
    """The mean Huber loss: squares of small residuals, absolute values of large ones.

    With r = prediction - target, the mean of r^2 / 2 where |r| <= delta and of delta (|r| - delta / 2)
    elsewhere, as `torch.nn.HuberLoss` has it. Scaling prediction, target and delta by c scales it by c^2.

    Args:
        prediction: any shape, in the target's unit.
        target: the same shape.
        delta: the residual at which the square turns into a line, in the target's unit, > 0.

    Returns:
        A scalar, in the target's unit squared: the mean over all elements.

    Raises:
        InputError: the shapes differ.

    Source: P. J. Huber (1964), Robust estimation of a location parameter, section 4.
    """
    require_equal_shapes(prediction, target)
    return F.huber_loss(prediction, target, delta=delta)


def require_equal_shapes(prediction: Tensor, target: Tensor) -> None:
    """Refuse what torch would broadcast.

    Raises:
        InputError: the shapes differ.
    """
    if prediction.shape != target.shape:
        raise InputError(
            "loss: expected a prediction and a target of one shape, "
            f"came prediction {tuple(prediction.shape)} and target {tuple(target.shape)}; "
            f"reshape one to the other{_remedy(prediction.shape, target.shape)}."
        )


def _remedy(prediction: torch.Size, target: torch.Size) -> str:
    if prediction == (*target, 1):
        return f", as in target.unsqueeze({len(target)})"
    if target == (*prediction, 1):
        return f", as in prediction.unsqueeze({len(prediction)})"
    return ""
