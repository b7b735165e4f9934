"""The wide net: torch's own draws, and a sum of steps."""

import torch
from torch import nn

from descentlab.nets.wide_net import WideNet


def test_the_weights_are_drawn_as_those_of_a_sequential():
    torch.manual_seed(1)  # lesson 4h
    net = WideNet(1, 500, 200.0, True)
    torch.manual_seed(1)
    torchs = nn.Sequential(nn.Linear(1, 500), nn.Sigmoid(), nn.Linear(500, 1))
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), torchs.parameters(), strict=True))


def test_the_prediction_is_the_formula():
    net, x = WideNet(1, 500, 200.0, True), torch.linspace(-1, 1, 9).unsqueeze(1)
    hidden = torch.sigmoid(200 * (x @ net.hidden1.weight.T + net.hidden1.bias))
    torch.testing.assert_close(net(x), hidden @ net.output.weight.T + net.output.bias)


def test_a_hidden_unit_is_a_step_where_its_input_crosses_zero():
    net = WideNet(1, 1, 200.0, True)
    values = {
        "hidden1.weight": [[1.0]],
        "hidden1.bias": [-0.5],
        "output.weight": [[3.0]],
        "output.bias": [1.0],
    }
    net.load_state_dict({name: torch.tensor(value) for name, value in values.items()})
    torch.testing.assert_close(net(torch.tensor([[0.0], [0.5], [1.0]])), torch.tensor([[1.0], [2.5], [4.0]]))
