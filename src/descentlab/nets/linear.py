"""The straight line, and the plane: y = w0 + w1 x1 + w2 x2 + ..."""

from typing import Annotated, Literal

from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor

from descentlab.nets.linear_in_parameters import LinearInParameters


class Linear(LinearInParameters):
    """Linear regression: prediction = w0 + sum_j w_j x_j, of shape (sample, 1).

    Args:
        num_features: the features of x, >= 1.
        bias: whether there is an intercept w0.
        parameterization: `bias` keeps the intercept as the bias of a layer of the inputs x, `column` as
            a weight of a layer of the inputs (1, x) without bias. The model is the same, and so is every
            step of its training; only a random start differs. Without an intercept both are one.
        initial_coefficients: the start, (w0, w1, ...) or without an intercept (w1, ...); None for the
            random start of `nn.Linear`, drawn from torch's global generator.

    Raises:
        InputError: `initial_coefficients` are not as many as the coefficients.
    """

    def __init__(
        self,
        num_features: Annotated[int, Ge(1)],
        bias: bool,
        parameterization: Literal["bias", "column"],
        initial_coefficients: list[float] | None,
    ) -> None:
        super().__init__(
            num_columns=num_features,
            bias=bias,
            intercept_as_column=parameterization == "column",
            initial_coefficients=initial_coefficients,
        )

    def columns(self, x: Float[Tensor, "sample feature"]) -> Float[Tensor, "sample feature"]:
        return x
