"""The debug modes: what each cuts short, shows or watches."""

import pytest
import torch

from descentlab import fit
from descentlab.settings.compose import compose


def test_fast_is_one_step_of_everything(trained):
    run = trained("experiment=cubic", "debug=fast")
    assert (run.result["status"], run.result["num_steps"]) == ("completed", 1)
    assert [row["step"] for row in run.rows] == ["0", "1"]
    for written in ("checkpoints/last.ckpt", "checkpoints/best.ckpt", "csv/metrics.csv", "tensorboard"):
        assert (run.folder / written).exists()


def test_overfit_drives_the_loss_on_three_points_down(trained):
    run = trained("model=relu_net", "model.hidden_width=20", "model.bias=true", "debug=overfit")
    assert run.result["metrics"]["train/loss"] < 1e-6


def test_overfit_takes_the_first_rows_of_a_table():
    settings = compose(["model=linear", "data=table", "data.x=[1,2,3,4]", "data.y=[1,2,3,4]", "debug=overfit"])
    assert settings["data"]["num_samples"] == 3


def test_profile_says_what_took_how_long(trained):
    run = trained("model=linear", "debug=profile", "trainer.max_steps=50")
    text = (run.folder / "fit-profile.txt").read_text()
    assert "run_training_epoch" in text
    assert "Checkpoint" in text


def test_anomaly_names_the_operation_whose_gradient_is_no_number(tmp_path):
    nothing_wrong = fit("model=linear", "debug=anomaly", "trainer.max_steps=20", folder=tmp_path / "sound")
    assert (nothing_wrong.result.status, nothing_wrong.result.engine) == ("completed", "lightning")
    broken = ("model=linear", "debug=anomaly", "loss=mse", "data=line", "model.initial_coefficients=[3e38,3e38]")
    with pytest.raises(RuntimeError, match=r"Function '.*Backward0' returned nan values"):
        fit(*broken, folder=tmp_path / "broken")
    assert not torch.is_anomaly_enabled()
