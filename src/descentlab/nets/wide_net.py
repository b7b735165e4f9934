"""The wide net: one layer of many steep steps, enough of them to follow any curve, and its noise."""

from typing import Annotated

from annotated_types import Ge, Gt
from jaxtyping import Float
from torch import Tensor, nn

from descentlab.functional.activations import SteepSigmoid


class WideNet(nn.Module):
    """One wide hidden layer of steep sigmoids: prediction = V sigmoid(slope (W x + b)) + c.

    Each hidden unit is nearly a step at the x where its W x + b crosses zero; the output adds up the
    steps. The children stand in the order of the forward pass, `hidden1`, `activation1`, `output`, and
    draw their weights in that order, each as `nn.Linear` does.

    Args:
        num_features: the features of x, >= 1.
        hidden_width: the hidden units, >= 1.
        slope: how steep the sigmoids are, > 0.
        bias: whether both layers have a bias; without one all steps stand at x = 0.

    Source: G. Cybenko (1989), Approximation by superpositions of a sigmoidal function.
    """

    def __init__(
        self,
        num_features: Annotated[int, Ge(1)],
        hidden_width: Annotated[int, Ge(1)],
        slope: Annotated[float, Gt(0)],
        bias: bool,
    ) -> None:
        super().__init__()
        self.hidden1 = nn.Linear(num_features, hidden_width, bias=bias)
        self.activation1 = SteepSigmoid(slope)
        self.output = nn.Linear(hidden_width, 1, bias=bias)

    def forward(self, x: Float[Tensor, "sample feature"]) -> Float[Tensor, "sample 1"]:
        pre_activation = self.hidden1(x)  # (sample, hidden_width)
        steps = self.activation1(pre_activation)  # (sample, hidden_width), each within [0, 1]
        prediction: Tensor = self.output(steps)  # (sample, 1)
        return prediction
