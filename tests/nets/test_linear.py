"""The line and the plane: two ways to keep the intercept that agree at every step."""

import pytest
import torch

from descentlab.functional.losses import mse, sse
from descentlab.nets.linear import Linear


def points(seed: int = 202150754) -> tuple[torch.Tensor, torch.Tensor]:
    stream = torch.Generator().manual_seed(seed)
    x = torch.randn(100, 1, generator=stream).sort(dim=0).values
    return x, 2.5 + 4 * x + 0.4 * torch.randn(100, 1, generator=stream)


def trained(net: Linear, num_steps: int, lr: float) -> list[torch.Tensor]:
    """The coefficients before each of the first steps of plain gradient descent on the MSE."""
    x, y = points()
    optimizer, rows = torch.optim.SGD(net.parameters(), lr=lr), []
    for _ in range(num_steps):
        rows.append(net.coefficients().detach().clone())
        optimizer.zero_grad()
        mse(net(x), y).backward()
        optimizer.step()
    return rows


def test_both_parameterisations_agree_at_every_step():
    with_bias = trained(Linear(1, True, "bias", [-5.0, 10.0]), 50, lr=0.1)
    with_column = trained(Linear(1, True, "column", [-5.0, 10.0]), 50, lr=0.1)
    torch.testing.assert_close(with_bias, with_column)


def test_the_column_is_a_layer_of_two_inputs_without_bias():
    net = Linear(1, True, "column", None)
    assert {name: tuple(value.shape) for name, value in net.state_dict().items()} == {"linear.weight": (1, 2)}


def test_the_bias_is_a_layer_of_one_input_with_a_bias():
    net = Linear(1, True, "bias", None)
    shapes = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    assert shapes == {"linear.weight": (1, 1), "linear.bias": (1,)}


@pytest.mark.parametrize("parameterization", ["bias", "column"])
def test_without_a_bias_there_is_one_weight_a_feature(parameterization):
    net = Linear(2, False, parameterization, [3.0, 5.0])
    assert net(torch.tensor([[1.0, 2.0]])).item() == 13
    assert net.coefficient_names() == ["w1", "w2"]


def test_a_plane_weighs_each_feature():
    net = Linear(2, True, "bias", [2.5, 4.0, -2.0])
    assert net(torch.tensor([[1.0, 0.5], [0.0, 0.0]])).tolist() == [[5.5], [2.5]]


@pytest.mark.parametrize(
    ("coefficients", "printed"),
    [([-5.0, 10.0], "8587.6875"), ([2.5, 3.5], "55.0740"), ([2.3, 3.5], "59.3805")],
)
def test_a_given_line_has_the_printed_sse(coefficients, printed):
    stream = torch.Generator().manual_seed(43052)  # lesson 1a
    x = torch.randn(100, 1, generator=stream).sort(dim=0).values
    y = 2.5 + 4 * x + 0.5 * torch.randn(100, 1, generator=stream)
    assert f"{sse(Linear(1, True, 'column', coefficients)(x), y):.4f}" == printed
