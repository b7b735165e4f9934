"""What all families share: nets of one's own, the names of the numbers, the units."""

import pytest
import torch

from descentlab.functional.standardization import Standardization
from descentlab.modules.coefficients import column_names, flat_parameters, unflatten
from descentlab.modules.linear import LinearRegression
from descentlab.modules.regression import RegressionModule
from descentlab.modules.relu_net import ReLUNetRegression

TRAINING = {
    "loss": {"_target_": "descentlab.functional.losses.mse"},
    "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1},
}


def line(parameterization: str = "bias", start: tuple[float, ...] = (1.0, 2.0)) -> LinearRegression:
    return LinearRegression(
        num_features=len(start) - 1,
        bias=True,
        parameterization=parameterization,
        initial_coefficients=list(start),
        **TRAINING,
    )


def test_a_net_without_a_family_of_its_own_is_wrapped_as_it_is():
    net = torch.nn.Sequential(torch.nn.Linear(1, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    module = RegressionModule(net, **TRAINING)
    x = torch.ones(2, 1)
    assert torch.equal(module(x), net(x))
    assert list(module.parameters()) == list(net.parameters())


@pytest.mark.parametrize("parameterization", ["bias", "column"])
def test_a_line_calls_its_intercept_w0_whichever_way_it_is_kept(parameterization):
    assert line(parameterization).coefficients() == {"w0": 1.0, "w1": 2.0}


def test_a_line_without_an_intercept_begins_at_w1():
    module = LinearRegression(
        num_features=2, bias=False, parameterization="bias", initial_coefficients=[3.0, 4.0], **TRAINING
    )
    assert module.coefficients() == {"w1": 3.0, "w2": 4.0}


def test_a_net_calls_its_numbers_by_their_names_in_the_state_dict():
    module = ReLUNetRegression(
        num_features=1, hidden_width=2, num_hidden_layers=1, activation="relu", bias=True, **TRAINING
    )
    state = module.net.state_dict()
    for name, value in module.coefficients().items():
        parameter, *index = name.replace("weight.", "weight|").replace("bias.", "bias|").split("|")
        place = tuple(int(k) for part in index for k in part.split("."))
        assert state[parameter][place].item() == value


def test_flattened_parameters_come_back_in_their_shapes():
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))
    rows = torch.stack([flat_parameters(net), 2 * flat_parameters(net)])
    parts = unflatten(net, rows)
    for name, parameter in net.named_parameters():
        assert torch.equal(parts[name], torch.stack([parameter, 2 * parameter]))
    assert len(column_names(net)) == rows.shape[1]


def test_frozen_parameters_are_not_among_the_numbers():
    net = torch.nn.Linear(1, 1)
    net.bias.requires_grad_(False)
    assert column_names(net) == ["weight.0.0"]
    assert torch.equal(flat_parameters(net), net.weight.detach().flatten())


def test_a_module_in_standard_units_predicts_in_the_users():
    module, x, y = line(), torch.tensor([[10.0], [20.0]]), torch.tensor([[100.0], [500.0]])
    units = Standardization.of(x, y)
    module.standardize(units)
    standard = (x - 15) / 5
    torch.testing.assert_close(module.predict(x), (1 + 2 * standard) * 200 + 300)
    found = module.coefficients()
    torch.testing.assert_close(module.predict(x), found["w0"] + found["w1"] * x)


@pytest.mark.parametrize(("loss", "scale"), [("mse", 200.0**2), ("sse", 200.0**2), ("mae", 200.0)])
def test_a_loss_in_standard_units_is_scaled_by_its_degree(loss, scale):
    training = {**TRAINING, "loss": {"_target_": f"descentlab.functional.losses.{loss}"}}
    module = LinearRegression(num_features=1, bias=True, parameterization="bias", initial_coefficients=None, **training)
    module.standardize(Standardization.of(torch.tensor([[0.0], [1.0]]), torch.tensor([[100.0], [500.0]])))
    assert module.loss_scale == pytest.approx(scale)
