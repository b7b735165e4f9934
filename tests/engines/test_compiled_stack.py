"""What a compiled stack takes beside the nets of whole layers."""

from functools import partial

import pytest
import torch
from engine_cases import assert_same
from stack_cases import OPTIMIZERS, lone, members, optimizer_state, stacked
from torch import Tensor, nn

from bits import needs_known_bits
from descentlab.engines.compiled_stack import CompiledStack
from descentlab.engines.eager import EagerEngine


class Slope(nn.Module):
    """A net of one number."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.randn(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.slope * x


@needs_known_bits
@pytest.mark.parametrize(("least", "name"), [(5 * 30, "compiled"), (5 * 30 + 1, "recorded")])
def test_what_is_worth_a_function_is_counted_in_steps_of_all_members(least, name):
    optimizer, hyperparameters = OPTIMIZERS["sgd"]
    nets, points = members("linear")
    given = {"loss": nn.MSELoss(), "optimizer": optimizer, "hyperparameters": hyperparameters}
    steps = torch.tensor([3, 30, 1, 2, 9])
    stack = stacked(nets, points, partial(CompiledStack, least_steps=least), num_steps=steps, **given)
    assert stack.name == name


@needs_known_bits
def test_a_parameter_may_be_a_single_number():
    optimizer, hyperparameters = OPTIMIZERS["momenta"]
    nets, points = members(Slope)
    given = {"loss": nn.MSELoss(), "optimizer": optimizer, "hyperparameters": hyperparameters, "num_steps": 20}
    stack = stacked(nets, points, CompiledStack, **given)
    assert stack.name == "compiled"
    losses = stack.advance(20).losses
    for index in range(len(nets)):
        ours = lone(index, nets, points, nn.MSELoss(), optimizer, hyperparameters)
        assert_same(losses[:, index], EagerEngine(ours).advance(20).losses)
        assert_same(stack.member(index), {name: value.detach() for name, value in ours.net.named_parameters()})
        assert_same(optimizer_state(stack, index), ours.optimizer.state_dict()["state"])
