"""The exact least squares solution: where a linear model trained to the end must arrive."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """The least squares solution and the error that it leaves, in float64.

    Attributes:
        coefficients: w*, (coefficient,), in the design's column order.
        sse: the smallest sum of squared residuals, a scalar in the target's unit squared.
        mse: the same divided by the sample count.
        rank: how many columns of the design are linearly independent.
    """

    coefficients: Float[Tensor, " coefficient"]
    sse: Float[Tensor, ""]
    mse: Float[Tensor, ""]
    rank: int


def least_squares(design: Float[Tensor, "sample coefficient"], target: Float[Tensor, "sample 1"]) -> LeastSquares:
    """The w* that minimises |X w - y|^2, of all such the one of least norm, in float64.

    The columns of X are brought to unit length first, so that the unit of a feature decides neither the
    accuracy nor which columns count as dependent. Where columns are dependent (fewer samples than
    coefficients, a constant feature beside an intercept) the minimum is a whole plane of w; the part of
    the solution that lies along that plane is taken away, which leaves its point nearest to zero.

    Args:
        design: X, (sample, coefficient), at least one row and column, any finite scale.
        target: y, (sample, 1).

    Returns:
        w* with its residual error; see `LeastSquares`.

    Source: G. Golub, C. Van Loan (2013), Matrix Computations, 4th edition, section 5.5.
    """
    design, target = design.double(), target.double()
    num_samples, num_coefficients = design.shape

    largest = design.abs().amax(dim=0)
    lengths = largest * (design / _one_for_zero(largest)).norm(dim=0)  # no square overflows this way
    lengths = _one_for_zero(lengths)
    rotation, triangle = torch.linalg.qr(design / lengths)
    left, singular, right = torch.linalg.svd(triangle)  # small: no larger than coefficient x coefficient
    threshold = singular.max() * max(num_samples, num_coefficients) * torch.finfo(torch.float64).eps
    rank = int((singular > threshold).sum())

    projected = (left.T @ (rotation.T @ target))[:rank] / singular[:rank].unsqueeze(1)
    solution = (right[:rank].T @ projected).squeeze(1) / lengths  # (coefficient,)
    if rank < num_coefficients:
        flat_directions, _ = torch.linalg.qr(right[rank:].T / lengths.unsqueeze(1))
        solution = solution - flat_directions @ (flat_directions.T @ solution)

    residual = design @ solution.unsqueeze(1) - target
    sse = residual.square().sum()
    return LeastSquares(coefficients=solution, sse=sse, mse=sse / num_samples, rank=rank)


def _one_for_zero(lengths: Float[Tensor, " coefficient"]) -> Float[Tensor, " coefficient"]:
    return torch.where(lengths == 0, torch.ones_like(lengths), lengths)
