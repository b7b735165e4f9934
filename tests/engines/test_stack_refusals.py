"""What cannot be a stack, or not a compiled one, is told so, with the member and the reason."""

import re

import pytest
import torch
from engine_cases import assert_same, one_two_one
from stack_cases import NUM_MEMBERS, members, stacked
from torch import nn, optim

from bits import needs_known_bits
from descentlab.engines.compiled_stack import CompiledStack
from descentlab.engines.record import CannotRecord
from descentlab.errors import InputError


@pytest.mark.parametrize("name", ["momentum", "weight_decay"])
def test_zero_for_some_members_only_is_refused_where_it_means_another_update(name):
    nets, points = members("linear")
    values = torch.tensor([0.0, 0.1, 0.1, 0.1, 0.1])
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "num_steps": 5}
    with pytest.raises(InputError, match=f"{name} must be zero for all members of a stack or for none"):
        stacked(nets, points, hyperparameters={"lr": 0.1, name: values}, **given)


def test_an_impossible_hyperparameter_is_refused_with_its_member():
    nets, points = members("linear")
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "num_steps": 5}
    with pytest.raises(InputError, match="SGD of member 3: Invalid learning rate"):
        stacked(nets, points, hyperparameters={"lr": torch.tensor([0.1, 0.2, 0.3, -0.1, 0.2])}, **given)


def test_an_impossible_number_of_several_is_refused_with_its_member():
    nets, points = members("linear")
    betas = (0.9, torch.tensor([0.9, 0.8, 0.9, 1.5, 0.9]))
    with pytest.raises(InputError, match="Adam of member 3: Invalid beta parameter at index 1"):
        stacked(nets, points, loss=nn.MSELoss(), optimizer=optim.Adam, hyperparameters={"betas": betas}, num_steps=5)


def test_hyperparameters_of_a_wrong_length_are_refused():
    nets, points = members("linear")
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "num_steps": 5}
    with pytest.raises(InputError, match="lr must be a number or have one value for each of 5 members"):
        stacked(nets, points, hyperparameters={"lr": torch.ones(4)}, **given)


def test_rates_of_another_number_of_members_are_refused():
    nets, points = members("linear")
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": {}, "num_steps": 5}
    with pytest.raises(InputError, match=r"must have shape \[step\] or \[step, 5\], not \[5, 4\]: give one column a"):
        stacked(nets, points, schedule=torch.full((5, 4), 0.1), **given)


def test_a_step_beyond_the_given_rates_is_refused():
    nets, points = members("linear")
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": {}, "num_steps": 5}
    stack = stacked(nets, points, schedule=torch.full((3,), 0.1), **given)
    assert stack.advance(3).num_steps.tolist() == [3] * NUM_MEMBERS
    with pytest.raises(InputError, match="the learning rates end after 3 steps: give more rows"):
        stack.advance(1)


class Unread(nn.Module):
    """A second parameter on which nothing depends."""

    def __init__(self):
        super().__init__()
        self.slope, self.unread = nn.Parameter(torch.ones(1, 1)), nn.Parameter(torch.ones(1))

    def forward(self, x):
        return x @ self.slope


UNKNOWN_BITS = {
    "a function": ("tanh", "a native step does not cover aten.silu.default"),  # its other layer
    "a parameter that is not read": (Unread, "the loss does not depend on all parameters"),
}


@needs_known_bits
@pytest.mark.parametrize(("net", "reason"), UNKNOWN_BITS.values(), ids=UNKNOWN_BITS)
def test_what_has_no_known_bits_in_c_is_recorded(net, reason):
    nets, points = members(net)
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": {"lr": 0.001}, "num_steps": 5}
    ours = stacked(nets, points, CompiledStack, **given)
    assert (ours.name, ours.native_reason) == ("recorded", reason)
    recorded = stacked(nets, points, **given)
    assert_same(ours.advance(5).losses, recorded.advance(5).losses)


class ReadsBack(nn.Linear):
    def forward(self, x):
        out = super().forward(x)
        return out if out.mean() > 0 else -out


def between(layer):
    return lambda: nn.Sequential(nn.Linear(1, 4), layer, nn.Linear(4, 1))


@pytest.mark.parametrize(
    ("net", "own_buffers", "reason"),
    [
        (lambda: ReadsBack(1, 1), False, "cannot be batched (the net reads a value back to Python)"),
        (
            between(nn.Dropout(0.5)),
            False,
            "cannot be batched (the net draws random numbers while it trains, as dropout",
        ),
        (between(nn.BatchNorm1d(4)), False, "cannot be batched (the net changes its own buffers while it trains, as"),
        (between(nn.BatchNorm1d(4)), True, "it writes to a tensor that outlives the step, as batch norm does"),
    ],
    ids=["reads_back", "dropout", "batch_norm", "batch_norm of each"],
)
def test_says_why_a_net_cannot_be_stacked(net, own_buffers, reason):
    nets, points = members(net)
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "num_steps": 5}
    if own_buffers:
        named = [dict(net.named_buffers()) for net in nets]
        given["buffers"] = {name: torch.stack([one[name] for one in named]) for name in named[0]}
    with pytest.raises(CannotRecord, match=re.escape(reason)):
        stacked(nets, points, hyperparameters={"lr": 0.1}, **given)


@pytest.mark.parametrize(
    ("optimizer", "hyperparameters"), [(optim.Rprop, {}), (optim.Adam, {"amsgrad": True})], ids=["rprop", "amsgrad"]
)
def test_says_why_an_optimizer_cannot_be_stacked(optimizer, hyperparameters):
    nets, points = members(one_two_one)
    given = {"loss": nn.MSELoss(), "optimizer": optimizer, "num_steps": 5}
    with pytest.raises(CannotRecord, match="has no update rule"):
        stacked(nets, points, hyperparameters=hyperparameters, **given)
