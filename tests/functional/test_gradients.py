"""The gradient three ways: they agree, and give the printed figures of lesson 1b."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from descentlab.functional.gradients import analytic_gradient, autograd_gradient, forward_difference
from descentlab.functional.losses import mse, sse
from descentlab.functional.objectives import linear_objective

LOSSES = {"mse": mse, "sse": sse}


def americano(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    stream = torch.Generator().manual_seed(43052)
    x = torch.randn(100, 1, generator=stream).sort(dim=0).values
    y = 2.5 + 4 * x + 0.5 * torch.randn(100, 1, generator=stream)
    return torch.cat([torch.ones_like(x), x], dim=1).to(dtype), y.to(dtype)


def test_the_analytic_gradient_of_the_americano_is_as_printed():
    gradient = analytic_gradient(*americano(torch.float32), torch.tensor([-5.0, 10.0]), "sse")
    assert [f"{value:.4f}" for value in gradient.tolist()] == ["-1342.2524", "1188.9302"]


def test_one_update_along_it_is_as_printed():
    start = torch.tensor([-5.0, 10.0])
    after = start - 0.001 * analytic_gradient(*americano(torch.float32), start, "sse")
    assert [f"{value:.4f}" for value in after.tolist()] == ["-3.6577", "8.8111"]


def test_autograd_of_the_americano_gives_the_analytic_gradient():
    design, target = americano(torch.float32)
    start = torch.tensor([-5.0, 10.0])
    torch.testing.assert_close(
        autograd_gradient(linear_objective(sse, design, target), start),
        analytic_gradient(design, target, start, "sse"),
    )


def test_the_forward_difference_of_a_quadratic_is_off_by_half_a_step_of_curvature():
    design, target = americano(torch.float64)
    start, step = torch.tensor([-5.0, 10.0], dtype=torch.float64), 0.001
    quotient = forward_difference(linear_objective(sse, design, target), start, step)
    offset = step / 2 * (2 * design.T @ design).diagonal()
    expected = analytic_gradient(design, target, start, "sse") + offset
    torch.testing.assert_close(quotient, expected, rtol=1e-8, atol=0)


@pytest.mark.parametrize("loss", LOSSES)
@given(
    seed=st.integers(0, 2**32),
    num_samples=st.integers(1, 9),
    num_coefficients=st.integers(1, 4),
    scale=st.sampled_from([1e-12, 1.0, 1e12]),
)
def test_autograd_and_the_formula_agree(loss, seed, num_samples, num_coefficients, scale):
    stream = torch.Generator().manual_seed(seed)
    both = scale * torch.randn(num_samples, num_coefficients + 1, generator=stream, dtype=torch.float64)
    design, target = both[:, :-1], both[:, -1:]
    point = torch.randn(num_coefficients, generator=stream, dtype=torch.float64)
    by_autograd = autograd_gradient(linear_objective(LOSSES[loss], design, target), point)
    by_formula = analytic_gradient(design, target, point, loss)
    torch.testing.assert_close(by_autograd, by_formula, rtol=1e-9, atol=1e-12 * scale**2)


def test_the_gradient_is_zero_at_the_exact_line():
    design, target = torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([[1.0], [3.0]])
    assert analytic_gradient(design, target, torch.tensor([1.0, 2.0]), "mse").tolist() == [0.0, 0.0]


def test_autograd_leaves_the_points_own_gradient_alone():
    point = torch.tensor([2.0], requires_grad=True)
    assert autograd_gradient(lambda w: (2 * w**2 + 5).sum(), point).item() == 8  # lesson 5f
    assert point.grad is None
