"""Two nets are alike where one computes what the other does, but for parameters and buffers."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from descentlab.sweeps.alike import are_alike, different_attribute


class Net(nn.Module):
    def __init__(self, **attributes):
        super().__init__()
        self.layer = nn.Linear(1, 2)
        self.dropout = nn.Dropout(attributes.pop("p", 0.1))
        self.register_buffer("shift", torch.randn(2))
        vars(self).update(attributes)

    def method(self):
        pass


class Plain:
    def __init__(self, value):
        self.value = value


def times(factor):
    return lambda x: factor * x


ALIKE = {
    "number": lambda: 1.5,
    "tensor": lambda: torch.arange(3.0),
    "array": lambda: np.arange(3.0),
    "functions in a list": lambda: [torch.relu, times(2.0)],
    "bound settings": lambda: partial(torch.clamp, min=0.0),
    "object": lambda: {"of": Plain((1, "a"))},
    "nothing": lambda: None,
}
OTHERS = [1.6, 1, torch.arange(3.0) + 1, torch.arange(4.0), np.arange(3.0) + 1, [torch.relu, times(3.0)], [torch.relu]]
OTHERS += [[torch.tanh, times(2.0)], partial(torch.clamp, min=1.0), {"of": Plain((1, "b"))}, {"off": Plain((1, "a"))}]


@pytest.mark.parametrize("make", ALIKE.values(), ids=ALIKE)
def test_what_is_made_alike_is_alike_and_nothing_else(make):
    assert are_alike(make(), make())
    assert different_attribute(Net(own=make()), Net(own=make())) is None
    for other in OTHERS:
        assert not are_alike(make(), other)
        assert different_attribute(Net(own=make()), Net(own=other)) == "own"


def test_a_difference_is_named_with_its_layer():
    assert different_attribute(Net(), Net(p=0.2)) == "dropout.p"
    assert different_attribute(Net(), Net(more=1)) == "more"
    assert different_attribute(Net(), nn.Linear(1, 1)) == "type"
    assert different_attribute(nn.Sequential(nn.ReLU()), nn.Sequential(nn.Tanh())) == "0.type"
    assert different_attribute(nn.Sequential(nn.ReLU()), nn.Sequential(nn.ReLU(), nn.ReLU())) == "1.type"


def test_methods_are_those_of_their_own_nets():
    first, other = Net(), Net()
    first.own, other.own = first.method, other.method
    assert different_attribute(first, other) is None


def test_losses_with_layers_are_alike_with_the_same_numbers_in_them():
    first, other = nn.Linear(1, 1), nn.Linear(1, 1)
    assert not are_alike(first, other)
    other.load_state_dict(first.state_dict())
    assert are_alike(first, other)


def test_what_holds_itself_is_taken_for_different():
    first, other = Plain(None), Plain(None)
    first.value, other.value = first, other
    assert not are_alike(first, other)
