"""A loss as a function of one flat vector of parameters: the form that gradients and curvature ask for."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

Objective = Callable[[Tensor], Tensor]


def linear_objective(
    loss: Callable[[Tensor, Tensor], Tensor],
    design: Float[Tensor, "sample coefficient"],
    target: Float[Tensor, "sample 1"],
) -> Objective:
    """The function w -> loss(X w, y) of a model that is linear in its coefficients.

    Args:
        loss: (prediction, target) to a scalar.
        design: X, (sample, coefficient).
        target: y, (sample, 1).

    Returns:
        A function of (coefficient,), in the design's column order, to a scalar.
    """

    def objective(coefficients: Float[Tensor, " coefficient"]) -> Float[Tensor, ""]:
        return loss(design @ coefficients.unsqueeze(1), target)

    return objective


def net_objective(
    net: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    x: Float[Tensor, "sample feature"],
    target: Float[Tensor, "sample 1"],
) -> tuple[Objective, Float[Tensor, " parameter"]]:
    """The function theta -> loss(net(x; theta), y), and the net's own parameters as such a vector.

    Args:
        net: any module; it is read, never changed, and its frozen parameters are constants.
        loss: (prediction, target) to a scalar.
        x: (sample, feature).
        target: y, (sample, 1).

    Returns:
        A function of (parameter,) to a scalar, and the net's trainable parameters, (parameter,), a copy: those
        of `net.named_parameters()` one after another, each in row order.
    """
    parameters = {name: parameter.detach() for name, parameter in net.named_parameters() if parameter.requires_grad}
    sizes = [parameter.numel() for parameter in parameters.values()]

    def objective(flat: Float[Tensor, " parameter"]) -> Float[Tensor, ""]:
        pieces = zip(parameters.items(), flat.split(sizes), strict=True)
        given = {name: piece.view(parameter.shape) for (name, parameter), piece in pieces}
        buffers = {name: buffer.clone() for name, buffer in net.named_buffers()}
        return loss(torch.func.functional_call(net, {**given, **buffers}, (x,)), target)

    return objective, torch.cat([parameter.flatten() for parameter in parameters.values()])
