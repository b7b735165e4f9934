"""Lesson 3, one weight: the printed epochs, by hand and by the optimiser."""

import pytest
import torch


@pytest.mark.parametrize(
    ("epoch", "weight", "cost"),
    [(1, "0.000", "4.666667"), (2, "0.280", "2.419200"), (3, "0.482", "1.254113"), (10, "0.948", "0.012618")],
)
def test_by_hand_the_printed_epochs_come_out(trained, epoch, weight, cost):
    row = trained("experiment=one_weight_by_hand").rows[epoch - 1]  # 3a
    assert f"{float(row['w1']):.3f}" == weight
    assert f"{float(row['train/mse']):.6f}" == cost


def test_by_hand_the_loss_is_the_sum_whose_mean_is_reported(trained):
    run = trained("experiment=one_weight_by_hand")  # 3a
    torch.testing.assert_close(run.column("train/loss"), 3 * run.column("train/mse"))


@pytest.mark.parametrize(("epoch", "weight", "cost"), [(2, "1.400", "0.746667"), (3, "0.840", "0.119467")])
def test_the_overshooting_run_takes_the_printed_epochs(trained, epoch, weight, cost):
    row = trained("experiment=one_weight_overshoot").rows[epoch - 1]  # 3b
    assert f"{float(row['w1']):.3f}" == weight
    assert f"{float(row['train/loss']):.6f}" == cost


def test_the_overshooting_weight_swings_in_to_one(trained):
    run = trained("experiment=one_weight_overshoot")  # 3b
    factor = 1 - 0.15 * 2 * 14 / 3  # 1 - lr H, H = 2 sum(x^2) / n
    expected = torch.tensor([1 - factor**k for k in range(11)])
    assert factor == pytest.approx(-0.4)  # so each step crosses W = 1
    torch.testing.assert_close(run.column("w1"), expected)
