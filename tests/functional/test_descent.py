"""The closed form of gradient descent: equal to the loop of steps, and to the lessons' printed histories."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from descentlab.functional.descent import descent_path
from descentlab.functional.gradients import analytic_gradient
from descentlab.functional.least_squares import least_squares
from descentlab.functional.losses import mse, sse
from descentlab.functional.stability import hessian

HOURS = torch.tensor([[1.0], [2.0], [3.0]], dtype=torch.float64)


def path_of(loss: str, design: torch.Tensor, target: torch.Tensor, lr: float, num_steps: int) -> torch.Tensor:
    start = torch.zeros(design.shape[1])
    minimum = least_squares(design, target).coefficients
    return descent_path(hessian(design, loss), minimum, start, lr=lr, num_steps=num_steps)


@pytest.mark.parametrize("loss", ["mse", "sse"])
@given(seed=st.integers(0, 2**32), num_samples=st.integers(1, 12), num_coefficients=st.integers(1, 5))
def test_the_path_is_that_of_step_after_step(loss, seed, num_samples, num_coefficients):
    stream = torch.Generator().manual_seed(seed)
    design = torch.randn(num_samples, num_coefficients, generator=stream, dtype=torch.float64)
    target = torch.randn(num_samples, 1, generator=stream, dtype=torch.float64)
    coefficients, rows = torch.zeros(num_coefficients, dtype=torch.float64), []
    for _ in range(8):
        rows.append(coefficients)
        coefficients = coefficients - 0.01 * analytic_gradient(design, target, coefficients, loss)
    torch.testing.assert_close(path_of(loss, design, target, 0.01, 7), torch.stack(rows))


def test_the_gradient_of_the_losses_leads_along_the_path():
    design = torch.cat([torch.ones(3, 1), HOURS], dim=1)
    path = path_of("sse", design, 2 * HOURS, 0.01, 1)
    gradient = torch.func.grad(lambda w: sse(design @ w.unsqueeze(1), 2 * HOURS))(path[0])
    torch.testing.assert_close(path[1], path[0] - 0.01 * gradient)


def test_no_steps_leave_the_start():
    start = torch.tensor([-5.0, 10.0])
    path = descent_path(torch.eye(2), torch.zeros(2), start, lr=0.1, num_steps=0)
    torch.testing.assert_close(path, start.double().unsqueeze(0))


def test_a_direction_without_curvature_is_never_walked():
    flat = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
    path = descent_path(flat, torch.zeros(2), torch.tensor([1.0, 7.0]), lr=0.1, num_steps=50)
    assert torch.equal(path[:, 1], torch.full((51,), 7.0, dtype=torch.float64))


@pytest.mark.parametrize(
    ("epoch", "weight", "cost"),
    [(1, "0.000", "4.666667"), (2, "0.280", "2.419200"), (3, "0.482", "1.254113"), (10, "0.948", "0.012618")],
)
def test_one_weight_by_hand_takes_the_printed_path(epoch, weight, cost):
    w = path_of("sse", HOURS, HOURS, lr=0.01, num_steps=9)[epoch - 1]  # lesson 3a
    assert f"{w.item():.3f}" == weight
    assert f"{mse(w * HOURS, HOURS):.6f}" == cost


@pytest.mark.parametrize(("epoch", "weight", "cost"), [(2, "1.400", "0.746667"), (3, "0.840", "0.119467")])
def test_one_weight_overshoots_along_the_printed_path(epoch, weight, cost):
    w = path_of("mse", HOURS, HOURS, lr=0.15, num_steps=9)[epoch - 1]  # lesson 3b
    assert f"{w.item():.3f}" == weight
    assert f"{mse(w * HOURS, HOURS):.6f}" == cost


@pytest.mark.parametrize(
    ("epoch", "slope", "intercept", "cost"),
    [
        (0, "0.187", "0.080", "18.666667"),  # in float32 the cost prints as 18.666666
        (100, "1.746", "0.578", "0.048171"),
        (1000, "1.971", "0.066", "0.000633"),
    ],
)
def test_hours_and_scores_take_the_printed_path(epoch, slope, intercept, cost):
    design = torch.cat([torch.ones(3, 1), HOURS], dim=1)
    path = path_of("mse", design, 2 * HOURS, lr=0.01, num_steps=epoch + 1)  # lesson 5a
    assert f"{mse(design @ path[epoch].unsqueeze(1), 2 * HOURS):.6f}" == cost
    assert [f"{value:.3f}" for value in path[epoch + 1].tolist()] == [intercept, slope]
