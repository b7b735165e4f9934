"""Fully connected nets: hidden layers of one width, by default bent by ReLUs."""

from typing import Annotated, Literal

from annotated_types import Ge, Le
from jaxtyping import Float
from torch import Tensor, nn

from descentlab.functional import activations

# Spelled out for the settings, which read it from the source; a test holds it against the table.
ActivationName = Literal["identity", "leaky_relu", "relu", "sigmoid", "tanh"]


class ReLUNet(nn.Module):
    """A fully connected net: h_0 = x, h_k = activation(W_k h_{k-1} + b_k), prediction = V h_last + c.

    The children stand in the order of the forward pass, `hidden1`, `activation1`, `hidden2`, ...,
    `output`, and draw their weights in that order, each as `nn.Linear` does.

    Args:
        num_features: the features of x, >= 1.
        hidden_width: the units of each hidden layer, >= 1.
        num_hidden_layers: how many hidden layers, 1 to 1000.
        activation: the function that bends each hidden unit; see `functional.activations`.
        bias: whether all layers have a bias.

    Raises:
        InputError: no activation has the name given.
    """

    def __init__(
        self,
        num_features: Annotated[int, Ge(1)],
        hidden_width: Annotated[int, Ge(1)],
        num_hidden_layers: Annotated[int, Ge(1), Le(1000)],
        activation: ActivationName,
        bias: bool,
    ) -> None:
        super().__init__()
        num_inputs = num_features
        for number in range(1, num_hidden_layers + 1):
            self.add_module(f"hidden{number}", nn.Linear(num_inputs, hidden_width, bias=bias))
            self.add_module(f"activation{number}", activations.activation(activation))
            num_inputs = hidden_width
        self.output = nn.Linear(num_inputs, 1, bias=bias)

    def forward(self, x: Float[Tensor, "sample feature"]) -> Float[Tensor, "sample 1"]:
        hidden = x  # (sample, feature), then (sample, hidden_width), at last (sample, 1)
        for layer in self.children():
            hidden = layer(hidden)
        return hidden
