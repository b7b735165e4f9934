"""What holds for every loss at any size and scale: sign, symmetry, gradient."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from descentlab.functional.gradients import autograd_gradient, forward_difference

seeds = st.integers(0, 2**32)
counts = st.integers(1, 50)
scales = st.sampled_from([1e-30, 1e-12, 1.0, 1e12, 1e30])
units = st.sampled_from([1e-15, 1.0, 1e15])
dtypes = st.sampled_from([torch.float32, torch.float64])


def points(seed: int, num_samples: int, scale: float = 1.0, dtype: torch.dtype = torch.float64):
    stream = torch.Generator().manual_seed(seed)
    prediction, target = scale * torch.randn(2, num_samples, 1, generator=stream, dtype=dtype)
    return prediction, target


@given(seed=seeds, num_samples=counts, scale=scales, dtype=dtypes)
def test_a_loss_is_never_below_zero_and_never_nan(any_loss, seed, num_samples, scale, dtype):
    loss = any_loss(*points(seed, num_samples, scale, dtype))
    assert loss.shape == ()
    assert loss.dtype is dtype
    assert loss >= 0  # false for nan; squares of 1e30 overflow to infinity in float32, and that is said


@given(seed=seeds, num_samples=counts, scale=units)
def test_a_loss_is_finite_wherever_its_squares_are(any_loss, seed, num_samples, scale):
    prediction, target = points(seed, num_samples, scale, torch.float32)
    assert bool(any_loss(prediction, target).isfinite())


@given(seed=seeds, num_samples=counts)
def test_a_loss_does_not_depend_on_the_order_of_the_samples(any_loss, seed, num_samples):
    prediction, target = points(seed, num_samples)
    order = torch.randperm(num_samples, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(any_loss(prediction[order], target[order]), any_loss(prediction, target))


@given(seed=seeds, num_samples=counts)
def test_a_loss_is_the_same_for_residuals_of_the_other_sign(any_loss, seed, num_samples):
    prediction, target = points(seed, num_samples)
    torch.testing.assert_close(any_loss(prediction, target), any_loss(target, prediction))


@given(seed=seeds, num_samples=counts, shift=st.floats(-1e3, 1e3))
def test_a_loss_sees_differences_alone(any_loss, seed, num_samples, shift):
    prediction, target = points(seed, num_samples)
    torch.testing.assert_close(
        any_loss(prediction + shift, target + shift), any_loss(prediction, target), rtol=1e-9, atol=1e-12
    )


@given(seed=seeds, num_samples=counts)
def test_a_sum_doubles_and_a_mean_stays_when_every_sample_comes_twice(any_loss, seed, num_samples):
    prediction, target = points(seed, num_samples)
    factor = 2 if any_loss.function.__name__ == "sse" else 1
    twice = any_loss(prediction.repeat(2, 1), target.repeat(2, 1))
    torch.testing.assert_close(twice, factor * any_loss(prediction, target))


@given(seed=seeds, value=st.floats(-1e6, 1e6))
def test_a_loss_of_constant_points_is_that_of_one_of_them(any_loss, seed, value):
    prediction = torch.full((7, 1), value, dtype=torch.float64)
    target = prediction + 1.0
    factor = 7 if any_loss.function.__name__ == "sse" else 1
    torch.testing.assert_close(any_loss(prediction, target), factor * any_loss(prediction[:1], target[:1]))


@given(seed=seeds, num_samples=st.integers(1, 8))
def test_the_gradient_is_the_slope(any_loss, seed, num_samples):
    prediction, target = points(seed, num_samples)
    prediction = prediction + torch.where(prediction > target, 1.0, -1.0)  # off the kink of |r| at 0

    def objective(flat):
        return any_loss(flat.unsqueeze(1), target)

    point = prediction.squeeze(1)
    slope = forward_difference(objective, point, 1e-6)
    torch.testing.assert_close(autograd_gradient(objective, point), slope, rtol=1e-4, atol=1e-4)


@given(seed=seeds, num_samples=counts)
def test_a_step_against_the_gradient_lowers_the_loss(any_loss, seed, num_samples):
    prediction, target = points(seed, num_samples)
    gradient = torch.func.grad(any_loss)(prediction, target)
    assert any_loss(prediction - 1e-6 * gradient, target) < any_loss(prediction, target)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_shows_in_the_loss(any_loss, value):
    prediction = torch.tensor([[0.0], [value]])
    assert not any_loss(prediction, torch.zeros(2, 1)).isfinite()
