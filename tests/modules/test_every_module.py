"""What holds for every model family: it is an ordinary LightningModule, in any hand."""

import importlib
import inspect
import pkgutil
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer

import descentlab.modules
from descentlab.data.synthetic import SyntheticDataModule
from descentlab.modules.regression import RegressionModule
from descentlab.runs.chunks import own_training
from descentlab.settings.signature import signature_of

TRAINING: dict[str, Any] = {
    "loss": {"_target_": "descentlab.functional.losses.huber", "delta": 1.0},
    "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.01},
    "scheduler": {"_target_": "torch.optim.lr_scheduler.ExponentialLR", "gamma": 0.99},
}
SETTINGS = {
    "num_features": 1,
    "bias": True,
    "parameterization": "bias",
    "initial_coefficients": None,
    "degree": 3,
    "hidden_width": 4,
    "num_hidden_layers": 2,
    "activation": "tanh",
    "slope": 20.0,
}
FAMILIES = {
    name: value
    for found in pkgutil.iter_modules(descentlab.modules.__path__)
    for name, value in vars(importlib.import_module(f"descentlab.modules.{found.name}")).items()
    if inspect.isclass(value) and issubclass(value, RegressionModule) and value is not RegressionModule
}


@pytest.fixture(params=FAMILIES.values(), ids=FAMILIES)
def family(request, example_value) -> type[RegressionModule]:
    named = signature_of(f"{request.param.__module__}.{request.param.__name__}").parameters
    for name in named.keys() - SETTINGS.keys():
        SETTINGS[name] = example_value(named[name].annotation)
    return request.param


@pytest.fixture
def plain_family(family) -> type[RegressionModule]:
    """A family whose training is that of a plain loop."""
    if (own := own_training(built(family))) is not None:
        pytest.skip(own)
    return family


def built(family: type[RegressionModule], seed: int = 0, **given: Any) -> RegressionModule:
    names = signature_of(f"{family.__module__}.{family.__name__}").parameters
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return family(**{name: SETTINGS[name] for name in names}, **{**TRAINING, **given})


def points() -> SyntheticDataModule:
    kink = {"num_samples": 20, "noise_std": 0.3, "left_slope": 1.0, "right_slope": 3.5}
    return SyntheticDataModule({"_target_": "descentlab.generators.kink.kink", **kink}, seed=1, batch_size=8)


def trainer(folder, **settings: Any) -> Trainer:
    return Trainer(
        default_root_dir=folder,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **{"max_steps": 4, "enable_checkpointing": False, **settings},
    )


def test_there_are_families():
    assert FAMILIES


def test_a_trainer_made_by_hand_fits_it(family, tmp_path):
    module, hand = built(family), trainer(tmp_path)
    before = [parameter.detach().clone() for parameter in module.parameters()]
    hand.fit(module, datamodule=points())
    assert hand.global_step == 4
    assert any(not torch.equal(new, old) for new, old in zip(module.parameters(), before, strict=True))


def test_a_trainer_made_by_hand_takes_the_steps_of_a_plain_loop(plain_family, tmp_path):
    module, plain, data = built(plain_family), built(plain_family), points()
    trainer(tmp_path, max_steps=7).fit(module, datamodule=data)
    optimizer = torch.optim.SGD(plain.net.parameters(), lr=0.01)
    batches = points().batches
    for _ in range(7):
        x, y = batches.next()
        optimizer.zero_grad()
        torch.nn.functional.huber_loss(plain.net(x), y, delta=1.0).backward()
        optimizer.step()
        optimizer.param_groups[0]["lr"] *= 0.99
    for found, expected in zip(module.net.parameters(), plain.net.parameters(), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("stage", ["validate", "test"])
def test_validate_and_test_give_loss_and_mse(family, tmp_path, stage):
    module, data = built(family), points()
    (found,) = getattr(trainer(tmp_path), stage)(module, datamodule=data, verbose=False)
    name = {"validate": "val"}.get(stage, stage)
    x, y = data.stages()[name]
    with torch.no_grad():
        expected = {
            f"{name}/loss": torch.nn.functional.huber_loss(module.net(x), y).item(),
            f"{name}/mse": torch.nn.functional.mse_loss(module.net(x), y).item(),
        }
    assert found == pytest.approx(expected)


def test_predict_gives_the_nets_predictions(family, tmp_path):
    module, data = built(family), points()
    (found,) = trainer(tmp_path).predict(module, dataloaders=data.test_dataloader())
    torch.testing.assert_close(found, module.net(data.stages()["test"].x).detach())


def test_a_checkpoint_of_lightnings_own_is_loaded_without_running_code(family, tmp_path):
    module, hand = built(family), trainer(tmp_path)
    hand.fit(module, datamodule=points())
    hand.save_checkpoint(tmp_path / "by_hand.ckpt")
    loaded = family.load_from_checkpoint(tmp_path / "by_hand.ckpt", weights_only=True)
    x = torch.linspace(-1, 1, 5)[:, None]
    assert torch.equal(loaded.net(x), module.net(x))
    assert dict(loaded.hparams) == dict(module.hparams)


def test_the_training_step_returns_the_loss_of_a_batch(plain_family):
    module, (x, y) = built(plain_family), points().stages()["train"]
    loss = module.training_step((x, y), 0)
    torch.testing.assert_close(loss, torch.nn.functional.huber_loss(module.net(x), y, delta=1.0))
    loss.backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


def test_the_optimizer_and_its_scheduler_are_those_configured(family):
    configured = built(family).configure_optimizers()
    assert isinstance(configured["optimizer"], torch.optim.SGD)
    assert isinstance(configured["lr_scheduler"]["scheduler"], torch.optim.lr_scheduler.ExponentialLR)
    assert configured["lr_scheduler"]["interval"] == "step"


@pytest.mark.parametrize("scheduler", [None, {"_target_": None}], ids=["none", "null target"])
def test_without_a_scheduler_there_is_an_optimizer_alone(family, scheduler):
    assert isinstance(built(family, scheduler=scheduler).configure_optimizers(), torch.optim.SGD)


def test_the_hyperparameters_are_plain_values(family):
    def is_plain(value: Any) -> bool:
        if isinstance(value, dict):
            return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
        if isinstance(value, list):
            return all(map(is_plain, value))
        return value is None or isinstance(value, bool | int | float | str)

    hparams = dict(built(family).hparams)
    assert is_plain(hparams)
    assert hparams["loss"] == TRAINING["loss"]
    assert hparams["num_features"] == 1


def test_the_columns_are_named_once_and_hold_every_parameter(family):
    module = built(family)
    coefficients = module.coefficients()
    assert len(coefficients) == sum(parameter.numel() for parameter in module.parameters())
    held = sorted(value for parameter in module.parameters() for value in parameter.flatten().tolist())
    assert sorted(coefficients.values()) == held
