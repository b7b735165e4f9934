"""The gradient at a model's start, three ways (lesson 1b)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from descentlab.functional import losses
from descentlab.functional.gradients import analytic_gradient, autograd_gradient, forward_difference
from descentlab.functional.objectives import linear_objective, net_objective
from descentlab.modules.coefficients import column_names
from descentlab.nets.linear_in_parameters import LinearInParameters
from descentlab.runs.assemble import assemble

STEP = 0.001
"""h of the forward difference, in the unit of the parameters."""


@dataclass(frozen=True)
class StartGradients:
    """Gradients of the training loss at a model's start, one entry a parameter.

    Attributes:
        names: of the parameters.
        forward_difference: (f(p + h e) - f(p)) / h with h = 0.001.
        autograd: by the chain rule.
        analytic: by the formula; None where the model is not linear in its parameters or the loss is
            neither mse nor sse.
    """

    names: list[str]
    forward_difference: Float[Tensor, " parameter"]
    autograd: Float[Tensor, " parameter"]
    analytic: Float[Tensor, " parameter"] | None


def start_gradients(settings: Mapping[str, Any]) -> StartGradients:
    """The three gradients of a run's training loss before its first step, over all training points.

    Args:
        settings: checked plain values of the run.
    """
    data, module = assemble(settings)
    x, y = data.stages()["train"]
    net = module.net
    analytic = None
    if isinstance(net, LinearInParameters):
        design, point = net.design_matrix(x), net.coefficients().detach()
        function = linear_objective(module.loss, design, y)
        if module.loss is losses.mse or module.loss is losses.sse:
            analytic = analytic_gradient(design, y, point, "mse" if module.loss is losses.mse else "sse")
    else:
        function, point = net_objective(net, module.loss, x, y)
    return StartGradients(
        column_names(net),
        forward_difference(function, point, STEP),
        autograd_gradient(function, point),
        analytic,
    )
