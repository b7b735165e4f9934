"""How the learning rate of a run stands to what gradient descent bears on its loss."""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from descentlab.data.points import PointsDataModule
from descentlab.errors import InputError
from descentlab.functional import losses
from descentlab.functional.objectives import linear_objective, net_objective
from descentlab.functional.stability import Curvature, hessian, largest_curvature, largest_eigenvalue, stability_limit
from descentlab.modules.coefficients import num_parameters
from descentlab.modules.regression import RegressionModule
from descentlab.nets.linear_in_parameters import LinearInParameters
from descentlab.runs.assemble import assemble
from descentlab.targets import build

RELATIVE_TOLERANCE = 1e-4
MOST_PRODUCTS = 200
MOST_PRODUCTS_AT_START = 20
MOST_AT_START = 1_000_000
"""Points times parameters up to which a run looks at the limit of a net before its first step: 20 products
with its Hessian take 20 milliseconds then, and longer for larger ones."""
LARGEST_DENSE = 256
"""Up to so many coefficients a Hessian is formed, for its eigenvalues to be exact."""


@dataclass(frozen=True)
class Stability:
    """The stability limit of a run, beside its learning rate.

    Attributes:
        curvature: lambda_max of the Hessian of the training loss over all training points.
        everywhere: the loss is quadratic, so that its curvature is the same at all parameters.
        optimizer: the name of its class.
        lr: `optimizer.lr`, before any schedule.
        settings: momentum, dampening, nesterov and weight_decay of gradient descent; None for an optimiser
            whose steps are another multiple of the gradient in each direction, which the limit does not bind.
        limit: of the learning rate; None where there are no `settings`, nan where the curvature is.
    """

    curvature: Curvature
    everywhere: bool
    optimizer: str
    lr: float
    settings: Mapping[str, Any] | None
    limit: float | None

    @property
    def is_above(self) -> bool:
        """Whether gradient descent at this learning rate does not converge; False where it cannot be told."""
        return self.limit is not None and self.lr >= self.limit


def start_stability(settings: Mapping[str, Any]) -> Stability:
    """The stability of a run before its first step.

    Args:
        settings: checked plain values of the run.
    """
    data, module = assemble(settings)
    return stability(module, data)


def stability(module: RegressionModule, data: PointsDataModule, max_products: int = MOST_PRODUCTS) -> Stability:
    """The stability of gradient descent from a module's parameters as they are now.

    The eigenvalue is exact for a model that is linear in its coefficients under mse or sse (up to 256
    coefficients); else it comes from Hessian-vector products, to one part in 10 000.

    Args:
        module: it is read, never changed.
        data: whose training points are the loss's.
        max_products: so many products are made at most; the curvature may lie above what they found.
    """
    optimizer = _optimizer(module)
    descent = _descent_settings(optimizer)
    curvature = _curvature(module, data, max_products, RELATIVE_TOLERANCE)
    return Stability(
        curvature,
        _is_quadratic(module),
        type(optimizer).__name__,
        float(optimizer.defaults["lr"]),
        descent,
        None if descent is None else _limit(curvature.largest, descent),
    )


def limits_along(
    module: RegressionModule,
    data: PointsDataModule,
    path: Float[Tensor, "row parameter"],
    max_products: int,
    relative_tolerance: float,
) -> list[float] | None:
    """The limit of the learning rate at each of some parameters, nan where it is not known; None where the steps are
    not those of gradient descent.

    Args:
        module: of the run; it is read, never changed.
        data: whose training points are the loss's.
        path: flattened parameters, in the order of the net's own. Where the loss is quadratic they change nothing.
        max_products, relative_tolerance: of the Hessian-vector products at each.
    """
    descent = _descent_settings(_optimizer(module))
    if descent is None:
        return None
    if _is_quadratic(module):
        curvature = _curvature(module, data, max_products, relative_tolerance).largest
        return [_limit(curvature, descent)] * len(path)
    curvatures = [_curvature(module, data, max_products, relative_tolerance, point).largest for point in path]
    return [_limit(curvature, descent) for curvature in curvatures]


def rate_warning(module: RegressionModule, data: PointsDataModule) -> str | None:
    """The line that says at the start of a run that its learning rate is above the limit; None where it is not,
    and where that is not looked at: see `_start_within_milliseconds`.

    The run goes on: to watch it diverge may be the lesson, and a net may come to where its limit is higher.
    """
    found = _start_within_milliseconds(module, data)
    if found is None or not found.is_above:
        return None
    if found.limit == 0:
        return "warning: optimizer.momentum=1 converges at no learning rate"
    if found.everywhere:
        limit, what = f"the stability limit {found.limit:.4g}", "steps grow"
    else:
        limit, what = f"the stability limit at the start, {found.limit:.4g}", "the first steps may grow"
    return f"warning: optimizer.lr={found.lr:g} is above {limit}, so {what}; see scripts/stability.py"


def _start_within_milliseconds(module: RegressionModule, data: PointsDataModule) -> Stability | None:
    """The stability of a run before its first step, where gradient descent may be above its limit.

    On a quadratic loss that is first asked by a pass over the points: lambda_max is at most the trace of the
    Hessian, 2 sum(X^2) / n. A net of more than `MOST_AT_START` points times parameters is not looked at, nor
    one that cannot be differentiated twice, or whose loss does not fit its predictions, as the run itself says.
    """
    optimizer = _optimizer(module)
    descent = _descent_settings(optimizer)
    if descent is None:
        return None
    x, _ = data.stages()["train"]
    if _is_quadratic(module):
        assert isinstance(module.net, LinearInParameters)
        design = module.net.design_matrix(x)
        trace = 2 * float(design.square().sum()) / (len(x) if module.loss is losses.mse else 1)
        return None if optimizer.defaults["lr"] < _limit(trace, descent) else stability(module, data)
    if len(x) * num_parameters(module.net) > MOST_AT_START:
        return None
    try:
        with torch.random.fork_rng(devices=[]):  # a net that draws leaves the run's numbers as they were
            return stability(module, data, MOST_PRODUCTS_AT_START)
    except (RuntimeError, TypeError, InputError):
        return None


def _is_quadratic(module: RegressionModule) -> bool:
    return isinstance(module.net, LinearInParameters) and module.loss in (losses.mse, losses.sse)


def _curvature(
    module: RegressionModule,
    data: PointsDataModule,
    max_products: int,
    relative_tolerance: float,
    at: Float[Tensor, " parameter"] | None = None,
) -> Curvature:
    """The largest curvature of the training loss at flattened parameters of the net, at its own where `at` is None."""
    x, y = data.stages()["train"]
    net = module.net
    if not isinstance(net, LinearInParameters):
        function, own = net_objective(copy.deepcopy(net), module.loss, x, y)  # it may count its calls
    else:
        design, own = net.design_matrix(x), net.coefficients().detach()
        if _is_quadratic(module) and len(own) <= LARGEST_DENSE:
            matrix = hessian(design, "mse" if module.loss is losses.mse else "sse")
            finite = bool(torch.isfinite(matrix).all())
            return Curvature(largest_eigenvalue(matrix) if finite else math.nan, num_products=0, converged=finite)
        function = linear_objective(module.loss, design, y)
    return largest_curvature(
        function,
        own if at is None else at.to(own.dtype),
        generator=torch.Generator().manual_seed(0),
        relative_tolerance=relative_tolerance,
        max_iterations=max_products,
    )


def _optimizer(module: RegressionModule) -> torch.optim.Optimizer:
    """The optimiser that the run builds; its `defaults` have what the config leaves out."""
    optimizer = build(module.optimizer_settings, module.net.parameters())
    assert isinstance(optimizer, torch.optim.Optimizer)
    return optimizer


def _descent_settings(optimizer: torch.optim.Optimizer) -> dict[str, Any] | None:
    if type(optimizer) is not torch.optim.SGD or optimizer.defaults["maximize"]:
        return None
    return {name: optimizer.defaults[name] for name in ("momentum", "dampening", "nesterov", "weight_decay")}


def _limit(curvature: float, descent: Mapping[str, Any]) -> float:
    return stability_limit(
        curvature + descent["weight_decay"],
        momentum=float(descent["momentum"]),
        dampening=float(descent["dampening"]),
        nesterov=descent["nesterov"],
    )
