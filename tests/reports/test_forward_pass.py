"""What a net does, step by step, also where it branches and calls functions of torch itself."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from descentlab.reports.forward_pass import trace


class OwnNet(nn.Module):
    """A net as many write it: functions between layers, one layer used within another."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.inner = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Tanh())
        self.last = nn.Linear(4, 1)

    def forward(self, x):
        return self.last(self.inner(torch.relu(self.first(x))))


class Residual(nn.Module):
    """y = out(relu(h + back(tanh(inner(h))))) with h = stem(x), written in one of several ways."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.stem, self.inner, self.back, self.out = (nn.Linear(*size) for size in ((2, 3), (3, 3), (3, 3), (3, 1)))
        self.way = way
        self.unused = nn.Linear(2, 1)

    def forward(self, x):
        h = self.stem(x)
        self.unused(x)
        back = self.back(torch.tanh(self.inner(h)))
        joined = {
            "operator": lambda: h + back,
            "function": lambda: torch.add(h, back),
            "in place": lambda: back.add_(h),
            "python": lambda: sum([h, back]),
            "stacked": lambda: torch.stack([h, back]).sum(dim=0),
        }[self.way]()
        return self.out(torch.relu_(joined)).view(-1, 1)


def test_layers_and_functions_stand_in_the_order_of_the_forward_pass():
    steps = trace(OwnNet(), torch.ones(5, 2))
    assert [(step.name, step.kind, step.sources) for step in steps] == [
        ("input", "input", ()),
        ("first", "Linear", (0,)),
        ("relu", "relu", (1,)),
        ("inner.0", "Linear", (2,)),
        ("inner.1", "Dropout(p=0.5, inplace=False)", (3,)),
        ("inner.2", "Tanh", (4,)),
        ("last", "Linear", (5,)),
    ]


def test_each_step_gives_what_the_next_is_given_and_the_last_the_prediction():
    net, x = OwnNet().eval(), torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    steps = trace(net, x)
    for earlier, later in pairwise(steps):
        assert torch.equal(earlier.output, later.input)
    assert torch.equal(steps[-1].output, net(x))


@pytest.mark.parametrize("way", ["operator", "function", "in place", "python", "stacked"])
def test_a_sum_of_branches_knows_them_however_it_is_written(way):
    steps = trace(Residual(way), torch.ones(5, 2))
    assert [step.name for step in steps] == ["input", "stem", "inner", "tanh", "back", "sum", "relu", "out"]
    by_name = {step.name: step for step in steps}
    assert {steps[source].name for source in by_name["sum"].sources} == {"stem", "back"}
    assert by_name["sum"].kind == "+"
    assert torch.equal(by_name["sum"].output, by_name["stem"].output + by_name["back"].output)
    assert torch.equal(by_name["relu"].output, by_name["sum"].output.clamp(min=0))


def test_parts_of_the_input_and_constants_are_steps():
    class Parts(nn.Module):
        def forward(self, x):
            return 0.5 * x[:, :1] + (2 - x[:, 1:].pow(2)) / 1

    steps = trace(Parts(), torch.ones(5, 2))
    assert [(step.kind, step.sources) for step in steps[1:]] == [
        ("part", (0,)),
        ("· 0.5", (1,)),
        ("part", (0,)),
        ("power 2", (3,)),
        ("2 -", (4,)),
        ("+", (2, 5)),
    ]


def test_the_net_is_left_as_it_was():
    net = OwnNet().train()
    state = torch.get_rng_state()
    trace(net, torch.ones(1, 2))
    assert net.training
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
