"""The ReLU net: torch's own draws, readable names, and every activation by its name."""

from typing import get_args

import torch
from torch import nn

from descentlab.functional.activations import ACTIVATIONS
from descentlab.nets.relu_net import ActivationName, ReLUNet


def test_the_weights_are_drawn_as_those_of_a_sequential():
    torch.manual_seed(1)  # lesson 4f
    net = ReLUNet(1, 2, 1, "relu", False)
    torch.manual_seed(1)
    torchs = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), torchs.parameters(), strict=True))


def test_a_deep_net_is_the_sequential_of_its_layers():
    torch.manual_seed(1)
    net = ReLUNet(2, 5, 3, "tanh", True)
    torch.manual_seed(1)
    torchs = nn.Sequential()
    for num_inputs in (2, 5, 5):
        torchs.extend([nn.Linear(num_inputs, 5), nn.Tanh()])
    torchs.append(nn.Linear(5, 1))
    x = torch.randn(7, 2)
    assert torch.equal(net(x), torchs(x))


def test_the_layers_have_readable_names():
    names = [name for name, _ in ReLUNet(1, 2, 2, "relu", True).named_children()]
    assert names == ["hidden1", "activation1", "hidden2", "activation2", "output"]


def test_one_unit_is_flat_on_one_side():
    net = ReLUNet(1, 1, 1, "relu", False)
    net.load_state_dict({"hidden1.weight": torch.tensor([[2.0]]), "output.weight": torch.tensor([[3.0]])})
    assert net(torch.tensor([[-1.0], [0.0], [1.0]])).tolist() == [[0.0], [0.0], [6.0]]  # lesson 4e


def test_two_units_make_the_kink():
    net = ReLUNet(1, 2, 1, "relu", False)
    weights = {"hidden1.weight": torch.tensor([[-1.0], [1.0]]), "output.weight": torch.tensor([[-1.0, 3.5]])}
    net.load_state_dict(weights)
    assert net(torch.tensor([[-1.0], [0.0], [1.0]])).tolist() == [[-1.0], [0.0], [3.5]]


def test_a_hook_sees_the_hidden_activations():
    net, seen = ReLUNet(1, 4, 1, "relu", True), []
    net.activation1.register_forward_hook(lambda module, inputs, output: seen.append(output))
    net(torch.randn(3, 1))
    assert seen[0].shape == (3, 4)
    assert bool((seen[0] >= 0).all())


def test_the_names_in_the_signature_are_those_of_the_table():
    assert sorted(get_args(ActivationName)) == sorted(ACTIVATIONS)
