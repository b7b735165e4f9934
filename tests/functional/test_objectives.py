"""Losses as functions of one flat vector: of coefficients, and of a net's parameters."""

import torch
from torch import nn

from descentlab.functional.losses import mse
from descentlab.functional.objectives import linear_objective, net_objective

X = torch.tensor([[0.0], [1.0], [2.0]])
Y = torch.tensor([[1.0], [3.0], [5.0]])


def test_the_objective_of_coefficients_is_the_loss_of_their_prediction():
    design = torch.cat([torch.ones(3, 1), X], dim=1)
    objective = linear_objective(mse, design, Y)
    assert objective(torch.tensor([1.0, 2.0])) == 0
    assert objective(torch.tensor([0.0, 2.0])) == 1


def test_the_objective_of_a_net_at_its_own_parameters_is_its_loss():
    net = nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1))
    objective, point = net_objective(net, mse, X, Y)
    assert torch.equal(objective(point), mse(net(X), Y))


def test_the_gradient_of_the_objective_is_that_of_backward():
    net = nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1))
    objective, point = net_objective(net, mse, X, Y)
    mse(net(X), Y).backward()
    expected = torch.cat([parameter.grad.flatten() for parameter in net.parameters()])
    torch.testing.assert_close(torch.func.grad(objective)(point), expected)


def test_the_net_is_left_as_it_was():
    net = nn.Linear(1, 1)
    before = [parameter.clone() for parameter in net.parameters()]
    objective, point = net_objective(net, mse, X, Y)
    objective(point.add_(1.0))
    assert all(torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))
