"""Losses: torch's own values, no broadcasting, and growth with the unit of the target."""

from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from descentlab.errors import InputError
from descentlab.functional import losses
from descentlab.functional.losses import degree_of, huber, mae, mse, sse

scales = st.sampled_from([1e-12, 1e-3, 1.0, 1e3, 1e12])
seeds = st.integers(0, 2**32)
shapes = st.lists(st.integers(1, 4), max_size=3).map(tuple)


def normals(seed: int, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize(
    ("prediction", "target"),
    [((3, 1), (3,)), ((3,), (3, 1)), ((3, 1), (1, 3)), ((2, 3), (3,)), ((1,), ()), ((2, 1), (3, 1))],
    ids=str,
)
def test_a_loss_refuses_unequal_shapes(any_loss, prediction, target):
    with pytest.raises(InputError, match="expected a prediction and a target of one shape") as refusal:
        any_loss(torch.zeros(prediction), torch.zeros(target))
    assert f"came prediction {prediction} and target {target}; reshape" in str(refusal.value)


@given(seed=seeds, shape=shapes, scale=scales)
def test_a_loss_grows_with_the_unit_by_its_degree(any_loss, seed, shape, scale):
    prediction, target = normals(seed, 2, *shape, dtype=torch.float64)
    expected = scale ** degree_of(any_loss.function) * any_loss(prediction, target)
    torch.testing.assert_close(any_loss(scale * prediction, scale * target, unit=scale), expected)


@given(seed=seeds, shape=shapes, scale=scales)
def test_a_loss_is_zero_where_prediction_and_target_are_equal(any_loss, seed, shape, scale):
    target = scale * normals(seed, *shape)
    assert any_loss(target, target.clone()) == 0


@given(seed=seeds, shape=shapes)
def test_a_loss_is_a_scalar_above_zero_for_any_rank(any_loss, seed, shape):
    loss = any_loss(normals(seed, *shape) + 10, normals(seed + 1, *shape))
    assert loss.shape == ()
    assert loss > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_loss_keeps_the_dtype(any_loss, dtype):
    assert any_loss(torch.ones(3, 1, dtype=dtype), torch.zeros(3, 1, dtype=dtype)).dtype is dtype


def test_a_batched_loss_equals_the_stacked_single_losses(any_loss):
    predictions, targets = normals(0, 2, 5, 7, 1)
    batched = torch.func.vmap(any_loss)(predictions, targets)
    singles = [any_loss(prediction, target) for prediction, target in zip(predictions, targets, strict=True)]
    torch.testing.assert_close(batched, torch.stack(singles))


def test_the_gradient_of_a_loss_is_zero_where_nothing_is_left_to_gain(any_loss):
    target = normals(0, 4, 1)
    gradient = torch.func.grad(any_loss)(target, target)
    assert torch.equal(gradient, torch.zeros(4, 1))


@given(seed=seeds, shape=shapes)
def test_mse_is_torchs_to_the_bit(seed, shape):
    prediction, target = normals(seed, 2, *shape)
    assert torch.equal(mse(prediction, target), torch.nn.MSELoss()(prediction, target))


@given(seed=seeds, shape=shapes)
def test_sse_is_torchs_sum_of_squares_to_the_bit(seed, shape):
    prediction, target = normals(seed, 2, *shape)
    assert torch.equal(sse(prediction, target), torch.nn.MSELoss(reduction="sum")(prediction, target))


@given(seed=seeds, shape=shapes)
def test_mae_is_torchs_to_the_bit(seed, shape):
    prediction, target = normals(seed, 2, *shape)
    assert torch.equal(mae(prediction, target), torch.nn.L1Loss()(prediction, target))


@given(seed=seeds, shape=shapes, delta=st.sampled_from([1e-3, 0.5, 1.0, 30.0]))
def test_huber_is_torchs_to_the_bit(seed, shape, delta):
    prediction, target = normals(seed, 2, *shape)
    assert torch.equal(huber(prediction, target, delta=delta), torch.nn.HuberLoss(delta=delta)(prediction, target))


def test_huber_with_a_delta_beyond_all_residuals_is_half_the_mse():
    prediction, target = normals(0, 2, 9, 1)
    torch.testing.assert_close(huber(prediction, target, delta=100.0), mse(prediction, target) / 2)


def test_the_degree_is_seen_through_a_partial():
    assert degree_of(partial(partial(huber, delta=2.0))) == losses.huber.degree == 2


def test_the_refusal_says_which_reshape_mends_a_missing_axis():
    with pytest.raises(InputError, match=r"as in prediction\.unsqueeze\(1\)\.$"):
        mse(torch.zeros(3), torch.zeros(3, 1))


def test_a_given_line_through_hours_and_scores_has_its_mse():
    hours = torch.tensor([[2.0], [3.0], [4.0], [5.0]])
    scores = torch.tensor([[25.0], [50.0], [42.0], [61.0]])
    residuals = [27 - 25, 40 - 50, 53 - 42, 66 - 61]  # lesson 5c: y = 13 x + 1, by hand
    assert mse(13 * hours + 1, scores) == sum(r**2 for r in residuals) / 4 == 62.5


def test_scores_judged_by_zero_have_the_first_cost_of_lesson_5a():
    scores = torch.tensor([[2.0], [4.0], [6.0]])
    assert f"{mse(torch.zeros(3, 1), scores):.6f}" == "18.666666"


def test_a_loss_carries_the_degree_that_it_is_given():
    @losses.grows_with_degree(3)
    def cube(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return (prediction - target).abs().pow(3).sum()

    assert losses.degree_of(cube) == 3
    assert losses.degree_of(partial(cube)) == 3
    assert cube(torch.tensor([3.0]), torch.tensor([1.0])) == 8


@pytest.mark.parametrize(
    "loss", [losses.mse, losses.mae, partial(losses.huber, delta=0.7)], ids=["mse", "mae", "huber"]
)
def test_a_loss_on_scaled_targets_comes_back_by_its_degree(loss):
    prediction, target = torch.tensor([0.1, 2.0, -3.0]), torch.tensor([0.4, 1.5, 2.0])
    scaled = losses.on_scaled_targets(loss, 10.0)
    found = scaled(prediction / 10, target / 10) * 10.0 ** losses.degree_of(loss)
    torch.testing.assert_close(found, loss(prediction, target))
