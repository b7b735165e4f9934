"""Early stopping and averaged weights: where the run ends, and with which weights."""

import pytest
import torch

from descentlab.errors import InputError
from descentlab.runs.load import load_module

# On a few points of pure noise the held-out loss falls at first and rises again.
OVERFITTING = (
    *("model=linear", "data=noise", "data.num_samples=4", "logger.every=2", "trainer.max_steps=60"),
    *("model.initial_coefficients=[3,3]", "seed=2", "callbacks=[default,early_stopping]"),
)
LINE = ("model=linear", "trainer.max_steps=40")


def stop_by(losses: list[float], patience: int) -> int:
    """The look at which the last `patience` losses were none of them the lowest so far."""
    return next(k for k in range(len(losses)) if k - losses.index(min(losses[: k + 1])) >= patience)


@pytest.mark.parametrize("engine", ["auto", "lightning"])
@pytest.mark.parametrize("patience", [1, 3])
def test_a_run_ends_where_the_validation_loss_falls_no_more(trained, patience, engine):
    stopped = trained(*OVERFITTING, f"callbacks.early_stopping.patience={patience}", f"trainer.engine={engine}")
    whole = trained(*OVERFITTING[:-1])
    losses = [float(row["val/loss"]) for row in whole.rows if row["val/loss"]]
    end = 2 * stop_by(losses, patience)
    assert (stopped.result["status"], stopped.result["num_steps"]) == ("completed", end)
    assert [row["step"] for row in stopped.rows] == [str(step) for step in range(end + 1)]
    assert torch.equal(stopped.coefficients(), whole.coefficients()[: end + 1])


def test_min_delta_is_the_least_fall_that_counts(trained):
    run = trained(*OVERFITTING, "callbacks.early_stopping.min_delta=1e6", "callbacks.early_stopping.patience=2")
    assert run.result["num_steps"] == 4  # the start alone counts


def test_a_run_that_cannot_stop_early_says_why(trained):
    table = ("data=table", "data.x=[1,2,3]", "data.y=[1,2,3]", "callbacks=[default,early_stopping]")
    with pytest.raises(InputError, match=r"expected validation points, got none; type data\.val_fraction=0\.2"):
        trained("model=linear", *table)
    with pytest.raises(InputError, match=r"expected the steps of callbacks\.validation\.every, got 7"):
        trained(*OVERFITTING, "callbacks.early_stopping.every=7")


def test_the_exponential_average_is_that_of_the_weights_of_every_step(trained):
    averaged = trained(*LINE, "callbacks=[default,ema]", "callbacks.ema.decay=0.9")
    rows = trained(*LINE).coefficients()[1:]
    expected = rows[0]
    for row in rows[1:]:
        expected = expected.lerp(row, 0.1)
    torch.testing.assert_close(averaged.coefficients()[-1], expected)
    assert list(load_module(averaged.folder).coefficients().values()) == averaged.coefficients()[-1].tolist()
    assert (averaged.result["status"], averaged.result["num_steps"], averaged.result["engine"]) == (
        *("completed", 40),
        "lightning",
    )


def test_the_mean_is_that_of_the_weights_of_the_last_steps(trained):
    averaged = trained(*LINE, "callbacks=[default,swa]", "callbacks.swa.start=0.75")
    rows = trained(*LINE).coefficients()[31:]
    torch.testing.assert_close(averaged.coefficients()[-1], rows.mean(dim=0))
    (loss,) = averaged.column("train/loss")[-1:]
    assert averaged.result["metrics"]["train/loss"] == loss  # of the mean, not of the last weights
