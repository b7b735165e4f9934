"""What a net does, layer by layer, also where it calls functions of torch itself."""

from itertools import pairwise

import torch
from torch import nn

from descentlab.reports.layers import trace


class OwnNet(nn.Module):
    """A net as many write it: functions between layers, one layer used within another."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.inner = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Tanh())
        self.last = nn.Linear(4, 1)

    def forward(self, x):
        return self.last(self.inner(torch.relu(self.first(x))))


def test_layers_and_functions_stand_in_the_order_of_the_forward_pass():
    steps = trace(OwnNet(), torch.ones(5, 2))
    assert [(step.name, step.kind) for step in steps] == [
        ("first", "Linear"),
        ("relu", "relu"),
        ("inner.0", "Linear"),
        ("inner.1", "Dropout(p=0.5, inplace=False)"),
        ("inner.2", "Tanh"),
        ("last", "Linear"),
    ]


def test_each_step_gives_what_the_next_is_given_and_the_last_the_prediction():
    net, x = OwnNet().eval(), torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    steps = trace(net, x)
    for earlier, later in pairwise(steps):
        assert torch.equal(earlier.output, later.input)
    assert torch.equal(steps[-1].output, net(x))


def test_the_net_is_left_as_it_was():
    net = OwnNet().train()
    state = torch.get_rng_state()
    trace(net, torch.ones(1, 2))
    assert net.training
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
