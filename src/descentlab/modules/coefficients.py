"""A model's parameters as named columns of numbers: w0, w1, … or state-dict names with their indices."""

import itertools
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from descentlab.nets.linear_in_parameters import LinearInParameters

MOST_COLUMNS = 16
"""Models with more parameters than this get no column for each."""


def column_names(net: nn.Module) -> list[str]:
    """The names of a net's numbers: `w0` (the intercept), `w1`, … for a model linear in them; else the
    name in the state dict with its index, `hidden.weight.1.0`."""
    if isinstance(net, LinearInParameters):
        return net.coefficient_names()
    return [
        ".".join([name, *map(str, index)])
        for name, parameter in _trainable(net).items()
        for index in itertools.product(*map(range, parameter.shape))
    ]


def columns_of(net: nn.Module, flat: Float[Tensor, "row parameter"]) -> Float[Tensor, "row column"]:
    """Flattened parameters, as an engine records them, in the order of `column_names`."""
    if not isinstance(net, LinearInParameters):
        return flat
    return net.coefficients_of(unflatten(net, flat))


def unflatten(net: nn.Module, flat: Float[Tensor, "row parameter"]) -> Mapping[str, Tensor]:
    """Flattened parameters by their names, each (row, its own shape)."""
    trainable = _trainable(net)
    parts = flat.split([parameter.numel() for parameter in trainable.values()], dim=1)
    return {
        name: part.reshape(len(flat), *parameter.shape)
        for (name, parameter), part in zip(trainable.items(), parts, strict=True)
    }


def flat_parameters(net: nn.Module) -> Float[Tensor, " parameter"]:
    """A copy of a net's trainable parameters, joined in the order of its state dict."""
    return torch.cat([parameter.detach().flatten() for parameter in _trainable(net).values()])


def num_parameters(net: nn.Module) -> int:
    """How many numbers a net trains."""
    return sum(parameter.numel() for parameter in _trainable(net).values())


def _trainable(net: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in net.named_parameters() if p.requires_grad}
