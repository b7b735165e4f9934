"""ReLU nets."""

from typing import Annotated, Any

from annotated_types import Ge, Le

from descentlab.modules.regression import RegressionModule
from descentlab.nets.relu_net import ActivationName, ReLUNet


class ReLUNetRegression(RegressionModule):
    """A net with hidden layers of ReLU units: piecewise linear, one kink a unit.

    Args:
        num_features: inputs of a sample.
        hidden_width: units in each hidden layer.
        num_hidden_layers: hidden layers, at most 1000.
        activation: of the hidden units.
        bias: whether the layers have biases.
        training: `loss`, `optimizer` and `scheduler`, as `RegressionModule` takes them.
    """

    def __init__(
        self,
        num_features: Annotated[int, Ge(1)],
        hidden_width: Annotated[int, Ge(1)],
        num_hidden_layers: Annotated[int, Ge(1), Le(1000)],
        activation: ActivationName,
        bias: bool,
        **training: Any,
    ) -> None:
        super().__init__(ReLUNet(num_features, hidden_width, num_hidden_layers, activation, bias), **training)
        self.save_hyperparameters(logger=False)
