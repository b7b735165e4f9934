"""Least squares: NumPy's solution, the normal equations, and no trouble with scale or rank."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from descentlab.functional.least_squares import least_squares
from descentlab.functional.losses import mse, sse

seeds = st.integers(0, 2**32)


def problem(seed: int, num_samples: int, num_coefficients: int) -> tuple[torch.Tensor, torch.Tensor]:
    stream = torch.Generator().manual_seed(seed)
    both = torch.randn(num_samples, num_coefficients + 1, generator=stream, dtype=torch.float64)
    return both[:, :-1], both[:, -1:]


@given(seed=seeds, num_samples=st.integers(1, 12), num_coefficients=st.integers(1, 5))
def test_the_solution_is_numpys(seed, num_samples, num_coefficients):
    design, target = problem(seed, num_samples, num_coefficients)
    expected, _, rank, _ = np.linalg.lstsq(design.numpy(), target.numpy(), rcond=None)
    solved = least_squares(design, target)
    np.testing.assert_allclose(solved.coefficients.numpy(), expected[:, 0], rtol=1e-6, atol=1e-9)
    assert solved.rank == rank


@given(seed=seeds, num_samples=st.integers(1, 12), num_coefficients=st.integers(1, 4))
def test_dependent_columns_give_the_solution_of_least_norm(seed, num_samples, num_coefficients):
    design, target = problem(seed, num_samples, num_coefficients)
    design = torch.cat([design, 2 * design, 0 * design[:, :1]], dim=1)
    expected = torch.linalg.pinv(design, rtol=1e-10) @ target
    torch.testing.assert_close(least_squares(design, target).coefficients, expected.squeeze(1), rtol=1e-6, atol=1e-9)


@given(seed=seeds, scale=st.sampled_from([1e-150, 1e-12, 1e12, 1e150]))
def test_the_unit_of_a_feature_only_rescales_its_coefficient(seed, scale):
    design, target = problem(seed, 9, 3)
    units = torch.tensor([1.0, scale, 1.0], dtype=torch.float64)
    rescaled = least_squares(design * units, target)
    plain = least_squares(design, target)
    torch.testing.assert_close(rescaled.coefficients * units, plain.coefficients, rtol=1e-9, atol=1e-12)
    assert rescaled.rank == 3


def test_a_constant_x_shares_the_mean_between_intercept_and_slope():
    design = torch.ones(4, 2)
    solved = least_squares(design, torch.full((4, 1), 6.0))
    torch.testing.assert_close(solved.coefficients, torch.tensor([3.0, 3.0], dtype=torch.float64))
    assert solved.rank == 1


def test_a_design_of_zeros_is_solved_by_zero():
    solved = least_squares(torch.zeros(3, 2), torch.ones(3, 1))
    assert solved.coefficients.tolist() == [0.0, 0.0]
    assert solved.mse == 1


def test_one_sample_is_fitted_exactly():
    solved = least_squares(torch.tensor([[1.0, 2.0]]), torch.tensor([[10.0]]))
    torch.testing.assert_close(solved.coefficients, torch.tensor([2.0, 4.0], dtype=torch.float64))


@given(seed=seeds)
def test_the_errors_are_those_of_the_losses_at_the_solution(seed):
    design, target = problem(seed, 9, 3)
    solved = least_squares(design, target)
    prediction = design @ solved.coefficients.unsqueeze(1)
    assert solved.sse == pytest.approx(float(sse(prediction, target)))
    assert solved.mse == pytest.approx(float(mse(prediction, target)))


@given(seed=seeds)
def test_no_step_away_from_the_solution_lowers_the_error(seed):
    design, target = problem(seed, 9, 3)
    solved = least_squares(design, target)
    away = solved.coefficients + 1e-3 * problem(seed + 1, 3, 1)[1].squeeze(1)
    assert sse(design @ away.unsqueeze(1), target) > solved.sse


def test_float32_points_are_solved_in_float64():
    design, target = problem(0, 9, 3)
    solved = least_squares(design.float(), target.float())
    assert solved.coefficients.dtype is solved.sse.dtype is torch.float64
