"""Activations: torch's own functions by name, and the steep sigmoid."""

import pytest
import torch

from descentlab.errors import InputError
from descentlab.functional.activations import ACTIVATIONS, SteepSigmoid, activation

U = torch.linspace(-3, 3, 13).unsqueeze(1)
FORMULAS = {
    "identity": lambda u: u,
    "leaky_relu": lambda u: torch.where(u > 0, u, 0.01 * u),
    "relu": lambda u: u.clamp(min=0),
    "sigmoid": lambda u: 1 / (1 + torch.exp(-u)),
    "tanh": lambda u: (torch.exp(u) - torch.exp(-u)) / (torch.exp(u) + torch.exp(-u)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_its_formula(name):
    torch.testing.assert_close(activation(name)(U), FORMULAS[name](U))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_has_no_parameters(name):
    assert list(activation(name).parameters()) == []


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_call_gives_a_module_of_its_own(name):
    assert activation(name) is not activation(name)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"model\.activation: .* came 'rellu'; did you mean .*relu.*tanh"):
        activation("rellu")


@pytest.mark.parametrize("slope", [0.5, 1.0, 200.0])
def test_the_steep_sigmoid_is_the_sigmoid_of_the_scaled_input(slope):
    assert torch.equal(SteepSigmoid(slope)(U), torch.sigmoid(slope * U))


def test_the_steep_sigmoid_has_a_quarter_of_its_slope_at_zero():
    slope_at_zero = torch.func.grad(SteepSigmoid(200.0))(torch.tensor(0.0))
    assert slope_at_zero == 50


def test_the_steep_sigmoid_is_a_step_away_from_zero():
    assert torch.equal(SteepSigmoid(200.0)(torch.tensor([-1.0, 0.0, 1.0])), torch.tensor([0.0, 0.5, 1.0]))
