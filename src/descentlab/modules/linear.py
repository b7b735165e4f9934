"""Linear regression."""

from typing import Annotated, Any, Literal

from annotated_types import Ge

from descentlab.modules.regression import RegressionModule
from descentlab.nets.linear import Linear


class LinearRegression(RegressionModule):
    """A line or a plane, y = w0 + w1 x1 + w2 x2 + …, fitted by gradient descent.

    Args:
        num_features: inputs of a sample.
        bias: whether there is an intercept w0.
        parameterization: the intercept as the layer's `bias`, or as the weight of a `column` of ones.
        initial_coefficients: the start, intercept first; None draws it from torch's generator.
        training: `loss`, `optimizer` and `scheduler`, as `RegressionModule` takes them.
    """

    def __init__(
        self,
        num_features: Annotated[int, Ge(1)],
        bias: bool,
        parameterization: Literal["bias", "column"],
        initial_coefficients: list[float] | None,
        **training: Any,
    ) -> None:
        super().__init__(Linear(num_features, bias, parameterization, initial_coefficients), **training)
        self.save_hyperparameters(logger=False)
