"""Checkpoints: plain values only, the last state, and the parameters at the lowest validation loss."""

import pytest
import torch
from lightning.pytorch import Trainer

from descentlab.modules.linear import LinearRegression

# On a few points of pure noise the held-out loss falls at first and rises again.
OVERFITTING = ("model=linear", "data=noise", "data.num_samples=4", "logger.every=1", "trainer.max_steps=60")
START = ("model.initial_coefficients=[3,3]", "seed=2")


@pytest.fixture(scope="module")
def run(trained):
    return trained(*OVERFITTING, *START)


def loaded(run, name: str):
    return torch.load(run.folder / "checkpoints" / f"{name}.ckpt", weights_only=True)


def is_plain(value) -> bool:
    if isinstance(value, dict):
        return all(is_plain(key) and is_plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return value is None or isinstance(value, bool | int | float | str | torch.Tensor)


@pytest.mark.parametrize("name", ["last", "best"])
def test_a_checkpoint_holds_plain_values_and_the_whole_config(run, name):
    checkpoint = loaded(run, name)
    assert is_plain(checkpoint)
    assert checkpoint["config"] == run.settings


@pytest.mark.parametrize("name", ["last", "best"])
def test_lightning_loads_a_checkpoint_without_running_code(run, name):
    file = run.folder / "checkpoints" / f"{name}.ckpt"
    module = LinearRegression.load_from_checkpoint(file, weights_only=True)
    assert torch.equal(module.net.linear.weight, loaded(run, name)["state_dict"]["net.linear.weight"])


def test_the_last_checkpoint_holds_the_last_row_of_the_history(run):
    checkpoint = loaded(run, "last")
    assert checkpoint["global_step"] == 60
    state = checkpoint["state_dict"]
    found = torch.cat([state["net.linear.bias"], state["net.linear.weight"][0]])
    assert torch.equal(found, run.coefficients()[-1])


def test_the_best_checkpoint_holds_the_parameters_at_the_lowest_validation_loss(run):
    losses = run.column("val/loss")
    best = int(losses.argmin())
    assert 0 < best < 60  # else the test would show nothing
    checkpoint = loaded(run, "best")
    state = checkpoint["state_dict"]
    assert checkpoint["global_step"] == best
    assert torch.tensor(checkpoint["val/loss"]) == losses[best]
    found = torch.cat([state["net.linear.bias"], state["net.linear.weight"][0]])
    assert torch.equal(found, run.coefficients()[best])


def test_without_validation_points_there_is_no_best_checkpoint(trained):
    run = trained("model=linear", "data=table", "data.x=[1,2,3]", "data.y=[2,4,6]", "trainer.max_steps=3")
    assert [file.name for file in (run.folder / "checkpoints").iterdir()] == ["last.ckpt"]


def test_no_other_file_is_left_beside_the_checkpoints(run):
    assert sorted(file.name for file in (run.folder / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]


def test_a_checkpoint_is_written_on_the_way(train_with, tmp_path):
    from descentlab.callbacks.steps import StepCallback

    class Killed(StepCallback):
        def look(self, trainer, module, step) -> None:
            if step == 25:
                raise RuntimeError("killed")

    often = ("callbacks.checkpoint.every=10", "callbacks.checkpoint.seconds=0")
    with pytest.raises(RuntimeError, match="killed"):
        train_with(tmp_path, [Killed(25)], "model=linear", *often, "trainer.max_steps=60")
    last = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 20


@pytest.mark.parametrize(("seconds", "steps"), [(1e6, [60]), (0, [10, 20, 30, 40, 50, 60])], ids=["long", "none"])
def test_checkpoints_on_the_way_keep_a_distance_in_time(train_with, tmp_path, monkeypatch, seconds, steps):
    written: list[int] = []
    monkeypatch.setattr(Trainer, "save_checkpoint", lambda trainer, path: written.append(trainer.global_step))
    often = ("callbacks.checkpoint.every=10", f"callbacks.checkpoint.seconds={seconds}")
    train_with(tmp_path, [], "model=linear", *often, "trainer.max_steps=60")
    assert written == steps
