"""Curvature, and the largest learning rate that gradient descent bears: lr < 2 / lambda_max."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt
from jaxtyping import Float
from torch import Tensor


def hessian(
    design: Float[Tensor, "sample coefficient"], loss: Literal["mse", "sse"]
) -> Float[Tensor, "coefficient coefficient"]:
    """The Hessian of a squared loss of X w, in float64: 2 X'X for the SSE, 2 X'X / n for the MSE.

    It is the same at every w, since the loss is quadratic in w.

    Args:
        design: X, (sample, coefficient).
        loss: `mse` or `sse`.

    Returns:
        H, (coefficient, coefficient), symmetric, no eigenvalue negative.
    """
    design = design.double()
    curvature = 2 * design.T @ design
    return curvature / design.shape[0] if loss == "mse" else curvature


def largest_eigenvalue(hessian: Float[Tensor, "coefficient coefficient"]) -> float:
    """The largest eigenvalue lambda_max of a symmetric matrix, (coefficient, coefficient), in float64."""
    return float(torch.linalg.eigvalsh(hessian.double())[-1])


def stability_limit(
    largest_curvature: float, *, momentum: float = 0.0, dampening: float = 0.0, nesterov: bool = False
) -> float:
    """The learning rate from which gradient descent does not converge: 2 / lambda_max without momentum.

    A step multiplies the distance along an eigenvector by 1 - lr lambda, which is within (-1, 1) only for
    0 < lr < 2 / lambda. With a velocity v <- m v + (1 - d) gradient, both roots of
    z^2 - (1 + m - lr (1 - d) lambda) z + m have to lie within the unit circle: lr < 2 (1 + m) / ((1 - d) lambda);
    with Nesterov's step along gradient + m v, of z^2 - (1 + m - (1 + m) lr lambda) z + m (1 - lr lambda):
    lr < 2 (1 + m) / ((1 + 2 m) lambda). With m = 1 the product of the roots of the first is 1, and no rate
    converges. For a net all this says so of the quadratic nearest to the loss at the given parameters.

    Args:
        largest_curvature: lambda_max, from `largest_eigenvalue` or `largest_curvature`; a weight decay that
            passes through the gradient adds to it.
        momentum: m, in [0, 1].
        dampening: d, in [0, 1]; without momentum, `torch.optim.SGD` leaves it aside, and so does this.
        nesterov: whether the step looks ahead; torch allows it only without dampening.

    Returns:
        The limit, or infinity where nothing curves upward (lambda_max <= 0) or nothing moves (d = 1); 0 for
        plain momentum 1.

    Source: B. Polyak (1964), Some methods of speeding up the convergence of iteration methods, section 3;
    J. Cohen et al. (2021), Gradient descent on neural networks typically occurs at the edge of stability,
    section 2 and appendix B.
    """
    if momentum == 1 and not nesterov:
        return 0.0
    scale = 1 + 2 * momentum if nesterov else 1 - dampening if momentum > 0 else 1.0
    if largest_curvature <= 0 or scale == 0:
        return math.inf
    return 2 * (1 + momentum) / (scale * largest_curvature)


@dataclass(frozen=True)
class Curvature:
    """The largest eigenvalue of a Hessian as far as it was found.

    Attributes:
        largest: the estimate of lambda_max, in exact arithmetic never above it; nan where the Hessian
            is not finite.
        num_products: how many Hessian-vector products it took.
        converged: whether the estimate lies within the tolerance asked for.
    """

    largest: float
    num_products: int
    converged: bool


def largest_curvature(
    function: Callable[[Tensor], Tensor],
    point: Float[Tensor, " parameter"],
    *,
    generator: torch.Generator,
    relative_tolerance: Annotated[float, Gt(0)],
    max_iterations: Annotated[int, Ge(1)],
) -> Curvature:
    """The largest eigenvalue of the Hessian of a function at a point, from Hessian-vector products.

    Lanczos's method: the power iteration v <- H v that keeps all its iterates and takes the best of the
    space they span. Bare power iteration finds the eigenvalue of largest size, which at a saddle may be
    a negative one, and comes to rest at no eigenvalue at all where +a and -a are both extreme, as for a
    net of two layers near zero. The Hessian itself is never formed.

    Args:
        function: a twice differentiable function of (parameter,) to a scalar; see `objectives`.
        point: where to take the Hessian, (parameter,); its dtype is the dtype of the products.
        generator: draws the first direction, on the CPU; the same state gives the same result.
        relative_tolerance: stop once an eigenvalue is known to lie within this share of the estimate, > 0.
        max_iterations: stop after so many products at the latest, >= 1.

    Returns:
        The estimate of lambda_max; see `Curvature`.

    Source: C. Lanczos (1950); B. Pearlmutter (1994), Fast exact multiplication by the Hessian;
    G. Golub, C. Van Loan (2013), Matrix Computations, 4th edition, sections 10.1 to 10.3.
    """
    hessian_vector_product = _hessian_vector_product(function, point)
    num_parameters = point.shape[0]

    first = torch.randn(num_parameters, generator=generator, dtype=point.dtype).to(point.device)
    basis = (first / first.norm()).unsqueeze(0)  # (iterate, parameter), orthonormal rows
    num_products = min(max_iterations, num_parameters)
    projection = torch.zeros(num_products, num_products, dtype=torch.float64)  # H within the basis
    largest, rounding = math.nan, torch.finfo(point.dtype).eps

    for step in range(num_products):
        image = hessian_vector_product(basis[step])
        if not torch.isfinite(image).all():
            return Curvature(largest=math.nan, num_products=step + 1, converged=False)
        projection[step, step] = float(image @ basis[step])
        remainder = image
        for _ in range(2):  # once leaves rounding errors that would let known directions back in
            remainder = remainder - (basis @ remainder) @ basis
        length = float(remainder.norm())

        eigenvalues, vectors = torch.linalg.eigh(projection[: step + 1, : step + 1])
        largest, spread = float(eigenvalues[-1]), float(eigenvalues.abs().max())
        error = length * abs(float(vectors[-1, -1]))  # an eigenvalue of H lies this near to `largest`
        whole_space = step + 1 == num_parameters
        if whole_space or error <= max(relative_tolerance * abs(largest), rounding * spread):
            return Curvature(largest=largest, num_products=step + 1, converged=True)
        if step + 1 < num_products:
            projection[step, step + 1] = projection[step + 1, step] = length
            basis = torch.cat([basis, (remainder / length).unsqueeze(0)])

    return Curvature(largest=largest, num_products=num_products, converged=False)


def _hessian_vector_product(
    function: Callable[[Tensor], Tensor], point: Float[Tensor, " parameter"]
) -> Callable[[Float[Tensor, " parameter"]], Float[Tensor, " parameter"]]:
    """The product v -> H v with a function's Hessian at a point, the gradient of gradient . v.

    A scalar is differentiated, since to differentiate a vector torch imports SymPy, which takes half a second.
    """
    point = point.detach().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(function(point), point, create_graph=True)

    def product(vector: Float[Tensor, " parameter"]) -> Float[Tensor, " parameter"]:
        with torch.enable_grad():
            slope = gradient @ vector + 0 * point.sum()  # which has a gradient also where nothing curves
        return torch.autograd.grad(slope, point, retain_graph=True)[0]

    return product
