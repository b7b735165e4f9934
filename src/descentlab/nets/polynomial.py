"""The polynomial of one feature: y = w0 + w1 x + w2 x^2 + ..."""

from typing import Annotated

import torch
from annotated_types import Ge, Le
from jaxtyping import Float
from torch import Tensor

from descentlab.errors import InputError
from descentlab.nets.linear_in_parameters import LinearInParameters


class Polynomial(LinearInParameters):
    """Polynomial regression: prediction = w0 + sum_k w_k x^k for k = 1, ..., degree, of shape (sample, 1).

    Args:
        num_features: the features of x; a polynomial takes one.
        degree: the highest power of x, 1 to 1000.
        bias: whether there is an intercept w0.
        initial_coefficients: the start, (w0, w1, ...) or without an intercept (w1, ...); None for the
            random start of `nn.Linear`, drawn from torch's global generator.

    Raises:
        InputError: the data have more than one feature, or `initial_coefficients` are not as many as the
            coefficients.
    """

    def __init__(
        self,
        num_features: Annotated[int, Ge(1)],
        degree: Annotated[int, Ge(1), Le(1000)],
        bias: bool,
        initial_coefficients: list[float] | None,
    ) -> None:
        if num_features != 1:
            raise InputError(
                f"model=polynomial: expected data with one feature, came {num_features} features; "
                "type model=linear, or choose data with one feature."
            )
        super().__init__(
            num_columns=degree,
            bias=bias,
            intercept_as_column=False,
            initial_coefficients=initial_coefficients,
        )
        self.degree = degree

    def columns(self, x: Float[Tensor, "sample 1"]) -> Float[Tensor, "sample power"]:
        return torch.cat([x**power for power in range(1, self.degree + 1)], dim=1)
