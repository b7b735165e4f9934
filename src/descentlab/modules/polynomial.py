"""Polynomial regression."""

from typing import Annotated, Any

from annotated_types import Ge, Le

from descentlab.modules.regression import RegressionModule
from descentlab.nets.polynomial import Polynomial


class PolynomialRegression(RegressionModule):
    """A polynomial of one input, y = w0 + w1 x + w2 x^2 + …, fitted by gradient descent.

    Args:
        num_features: inputs of a sample; a polynomial takes one.
        degree: the highest power.
        bias: whether there is an intercept w0.
        initial_coefficients: the start, intercept first; None draws it from torch's generator.
        training: `loss`, `optimizer` and `scheduler`, as `RegressionModule` takes them.
    """

    def __init__(
        self,
        num_features: Annotated[int, Ge(1)],
        degree: Annotated[int, Ge(1), Le(1000)],
        bias: bool,
        initial_coefficients: list[float] | None,
        **training: Any,
    ) -> None:
        super().__init__(Polynomial(num_features, degree, bias, initial_coefficients), **training)
        self.save_hyperparameters(logger=False)
