"""Activation functions as modules, so that a forward hook on one sees the hidden activations."""

from typing import Annotated

import torch
from annotated_types import Gt
from jaxtyping import Float
from torch import Tensor, nn

from descentlab.errors import InputError, did_you_mean

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "identity": nn.Identity,  # a net of straight lines: what depth is worth without a bend
    "leaky_relu": nn.LeakyReLU,  # slope 0.01 in place of 0 on the left, so that no unit is flat for good
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
}


def activation(name: str) -> nn.Module:
    """A new activation module by its name.

    Args:
        name: one of `ACTIVATIONS`: identity u, leaky_relu max(u, 0.01 u), relu max(u, 0),
            sigmoid 1 / (1 + exp(-u)), tanh.

    Returns:
        A module without parameters that acts on each element of a tensor of any shape.

    Raises:
        InputError: no activation has this name; the text offers the nearest.
    """
    if name not in ACTIVATIONS:
        raise InputError(
            f"model.activation: expected the name of an activation, came {name!r}; {did_you_mean(name, ACTIVATIONS)}"
        )
    return ACTIVATIONS[name]()


class SteepSigmoid(nn.Module):
    """The sigmoid of a scaled input, 1 / (1 + exp(-slope u)): a smoothed step that is steep at u = 0.

    Args:
        slope: how steep, > 0; the derivative at 0 is slope / 4, and for slope -> infinity it is a step.

    Source: M. Nielsen (2015), Neural Networks and Deep Learning, chapter 4.
    """

    def __init__(self, slope: Annotated[float, Gt(0)]) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, u: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return torch.sigmoid(self.slope * u)

    def extra_repr(self) -> str:
        return f"slope={self.slope}"
