"""Wide nets with the steep sigmoid."""

from typing import Annotated, Any

from annotated_types import Ge, Gt

from descentlab.modules.regression import RegressionModule
from descentlab.nets.wide_net import WideNet


class WideNetRegression(RegressionModule):
    """One wide hidden layer with the activation sigmoid(slope * u): close to a sum of steps.

    Args:
        num_features: inputs of a sample.
        hidden_width: units in the hidden layer.
        slope: steepness of the sigmoid.
        bias: whether the layers have biases.
        training: `loss`, `optimizer` and `scheduler`, as `RegressionModule` takes them.
    """

    def __init__(
        self,
        num_features: Annotated[int, Ge(1)],
        hidden_width: Annotated[int, Ge(1)],
        slope: Annotated[float, Gt(0)],
        bias: bool,
        **training: Any,
    ) -> None:
        super().__init__(WideNet(num_features, hidden_width, slope, bias), **training)
        self.save_hyperparameters(logger=False)
