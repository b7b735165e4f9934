"""The validation loss beside the training: computed at its steps, on points that are never trained on."""

import torch

from descentlab.runs.load import load_data


def test_the_validation_loss_stands_at_its_steps_and_at_the_end(trained):
    run = trained("model=linear", "trainer.max_steps=25", "callbacks.validation.every=10")
    assert [int(row["step"]) for row in run.rows if row["val/loss"]] == [0, 10, 20, 25]


def test_the_validation_loss_is_that_of_the_parameters_beside_it(trained):
    run = trained("model=linear", "loss=mae", "trainer.max_steps=25", "callbacks.validation.every=10")
    x, y = load_data(run.folder).stages()["val"]
    for row, (w0, w1) in zip(run.rows, run.coefficients(), strict=True):
        if row["val/loss"]:
            expected = (w0 + w1 * x - y).abs().mean()
            torch.testing.assert_close(torch.tensor(float(row["val/loss"])), expected)


def test_without_validation_points_there_is_no_column(trained):
    run = trained("model=linear", "data=table", "data.x=[1,2,3]", "data.y=[2,4,6]", "trainer.max_steps=3")
    assert "val/loss" not in run.rows[0]
    assert "val/loss" not in run.result["metrics"]


def test_validating_does_not_change_the_training(trained):
    often = trained("model=linear", "trainer.max_steps=25", "callbacks.validation.every=1")
    never = trained("model=linear", "trainer.max_steps=25", "callbacks=none")
    assert [row["train/loss"] for row in often.rows] == [row["train/loss"] for row in never.rows]
