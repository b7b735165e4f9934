"""Losses and gradients of a stack, held against those of lone nets."""

import pytest
import torch
from torch import nn

from descentlab.engines.members_alone import MembersAlone

NUM_MEMBERS = 4


def case(net=None, buffers=None, shared=False):
    net = net or nn.Linear(2, 1)
    generator = torch.Generator().manual_seed(0)
    named = {name: value.shape for name, value in net.named_parameters()}
    parameters = {name: torch.randn(NUM_MEMBERS, *shape, generator=generator) for name, shape in named.items()}
    x, y = torch.randn(NUM_MEMBERS, 5, 2, generator=generator), torch.randn(NUM_MEMBERS, 5, 1, generator=generator)
    x = x[0] if shared else x
    alone = MembersAlone(net, nn.MSELoss(), x, y, buffers or {}, gradient=lambda given: None)
    losses, gradients = [], []
    for member in range(NUM_MEMBERS):
        own = {name: value[member].clone().requires_grad_() for name, value in parameters.items()}
        held = {name: value[member] for name, value in (buffers or {}).items()}
        found = nn.MSELoss()(
            torch.func.functional_call(net, (own, held), (x if shared else x[member].clone(),)), y[member].clone()
        )
        losses.append(found.detach())
        gradients.append(torch.autograd.grad(found, list(own.values())))
    return alone, parameters, torch.stack(losses), [torch.stack(each) for each in zip(*gradients, strict=True)]


class Shifted(nn.Linear):
    def __init__(self):
        super().__init__(2, 1)
        self.register_buffer("shift", torch.zeros(()))

    def forward(self, x):
        return super().forward(x) + self.shift


@pytest.mark.parametrize("shared", [False, True])
def test_they_agree_where_all_bits_are_those_of_lone_nets(shared):
    alone, parameters, losses, gradients = case(shared=shared)
    assert alone.agree(parameters, losses, gradients)


def test_each_member_has_its_own_buffers():
    alone, *found = case(Shifted(), {"shift": torch.arange(1.0, 1 + NUM_MEMBERS)})
    assert alone.agree(*found)


@pytest.mark.parametrize(("member", "is_seen"), [(0, True), (1, True), (2, False), (3, True)])
def test_of_many_members_the_first_a_middle_and_the_last_are_looked_at(member, is_seen):
    alone, parameters, losses, gradients = case()
    changed = losses.clone()
    changed[member] = torch.nextafter(changed[member], torch.tensor(torch.inf))
    assert alone.agree(parameters, changed, gradients) != is_seen
    gradients[1][member] = torch.nextafter(gradients[1][member], torch.tensor(torch.inf))
    assert alone.agree(parameters, losses, gradients) != is_seen


def test_a_zero_may_have_another_sign():
    alone, parameters, _, gradients = case()
    parameters["weight"].zero_()
    parameters["bias"].zero_()
    alone.x, alone.y = torch.ones(NUM_MEMBERS, 5, 2), torch.zeros(NUM_MEMBERS, 5, 1)
    zeros = [torch.zeros_like(gradient) for gradient in gradients]
    assert alone.agree(parameters, torch.zeros(NUM_MEMBERS), zeros)
    assert alone.agree(parameters, -torch.zeros(NUM_MEMBERS), [-zero for zero in zeros])
