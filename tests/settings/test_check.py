"""Every setting is held to its type and range before anything is built, and the message says what to type."""

from collections.abc import Collection

import pytest

from descentlab.errors import InputError
from descentlab.settings import config_folders
from descentlab.settings.check import check, check_value
from descentlab.settings.compose import compose

REFUSED = {
    "optimizer.lr=0": "optimizer.lr: expected a value greater than 0, got 0.",
    "optimizer.lr=-0.1": "optimizer.lr: expected a value greater than 0, got -0.1.",
    "optimizer.lr=inf": "optimizer.lr: expected a finite number, got inf.",
    "optimizer.lr=nan": "optimizer.lr: expected a finite number, got nan.",
    "optimizer.lr=fast": "optimizer.lr: expected a valid number, got 'fast'.",
    "optimizer.lr=true": "optimizer.lr: expected a valid number, got True.",
    "model.hidden_width=0": "model.hidden_width: expected a value greater than or equal to 1, got 0.",
    "model.hidden_width=2.5": "model.hidden_width: expected a valid integer, got 2.5.",
    "model=polynomial model.degree=0": "model.degree: expected a value greater than or equal to 1",
    "seed=-1": "seed: expected a value greater than or equal to 0, got -1.",
    "seed=9223372036854775808": "seed: expected a value less than 9223372036854775808",
    "seed=null": "seed: expected a valid integer, got None.",
    "trainer.max_steps=-1": "trainer.max_steps: expected a value greater than or equal to 0",
    "trainer.max_steps=1e3": "trainer.max_steps: expected a valid integer, got 1000.0.",
    "data.batch_size=0": "data.batch_size: expected a value greater than or equal to 1, got 0.",
    "data.batch_size=None": "data.batch_size: expected a valid integer, got 'None'; type data.batch_size=null",
    "data.num_samples=None": "data.num_samples: expected a valid integer, got 'None'.",
    "data.noise_std=-1": "data.noise_std: expected a value greater than or equal to 0, got -1.",
    "data.num_samples=0": "data.num_samples: expected a value greater than or equal to 1, got 0.",
    "loss=huber loss.delta=0": "loss.delta: expected a value greater than 0, got 0.",
    "trainer.gradient_clip_val=0": "trainer.gradient_clip_val: expected a value greater than 0",
    "history.every=0": "history.every: expected a value greater than or equal to 1, got 0.",
    "logger.every=0": "logger.every: expected a value greater than or equal to 1, got 0.",
    "callbacks.histograms.bins=0": "callbacks.histograms.bins: expected a value greater than or equal to 1",
    "optimizer=adam optimizer.betas=[0.9]": "optimizer.betas: expected at least 2 items, got",
    "optimizer=adam optimizer.betas=[0.9,1]": "optimizer.betas.1: expected a value less than 1, got 1.",
    "model=linear model.initial_coefficients=[a]": "model.initial_coefficients.0: expected a valid number",
    "model=linear model.initial_coefficients=1": "model.initial_coefficients: expected a valid list, got 1.",
    "data=table data.val_fraction=1": "data.val_fraction: expected a value less than 1, got 1.",
    "name=''": "name: expected at least 1 character, got ''.",
    "model.activation=rellu": "model.activation: expected 'identity', 'leaky_relu', 'relu', ",
    "trainer.engine=fast": "trainer.engine: expected 'auto', ",
    "+optimizer.lrr=1": "optimizer.lrr: there is no such setting; did you mean lr?",
    "+model.hidden_widht=3": "model.hidden_widht: there is no such setting; did you mean hidden_width?",
    "+data.coefficients=[1,2]": "data.coefficients: there is no such setting; Valid: batch_size",
    "+history.evry=2": "history.evry: there is no such key; did you mean every?",
    "+optimiser.lr=1": "optimiser: there is no such key; did you mean optimizer?",
    "~model.seed": "model.seed: descentlab.modules.relu_net.ReLUNetRegression needs a value",
    "+callbacks.mine.every=1": "callbacks.mine: expected a mapping with a _target_",
    "model._target_=os.system": "model._target_: expected a path that begins with descentlab.modules, ",
    "model._target_=5": "model._target_: expected a dotted path, got 5.",
}


@pytest.mark.parametrize(("overrides", "message"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_run_is_refused_with_what_was_expected_and_what_came(overrides, message):
    with pytest.raises(InputError) as refusal:
        compose(overrides.split())
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("key", sorted(compose()))
def test_a_missing_key_of_the_whole_config_is_named(key):
    settings = {name: value for name, value in compose().items() if name != key}
    with pytest.raises(InputError, match=f"^{key}: expected a value, got none"):
        check(settings)


def test_an_integer_that_is_meant_as_a_number_becomes_one():
    rate = compose(["optimizer.lr=1"])["optimizer"]["lr"]
    assert (rate, type(rate)) == (1.0, float)


def test_integers_in_a_list_of_numbers_become_numbers():
    start = compose(["model=linear", "model.initial_coefficients=[1,2]"])["model"]["initial_coefficients"]
    assert list(map(type, start)) == [float, float]


def test_a_seed_of_zero_is_a_seed():
    settings = compose(["seed=0"])
    assert (settings["data"]["seed"], settings["model"]["seed"]) == (0, 0)


@pytest.mark.parametrize("group", ["data", "model"])
def test_a_seed_of_a_group_leaves_the_others(group):
    settings = compose(["seed=7", f"{group}.seed=3"])
    assert {name: settings[name]["seed"] for name in ("data", "model")} == {"data": 7, "model": 7, group: 3}


def test_checked_settings_pass_the_check_unchanged(trained, any_experiment):
    settings = trained(f"experiment={any_experiment}", "trainer.max_steps=20").settings
    assert check(settings) == settings


def test_a_key_of_lightnings_own_is_left_to_a_callback_that_takes_it():
    settings = compose(["+callbacks.rates._target_=lightning.pytorch.callbacks.LearningRateMonitor"])
    assert settings["callbacks"]["rates"] == {"_target_": "lightning.pytorch.callbacks.LearningRateMonitor"}


def test_a_type_that_pydantic_does_not_know_takes_any_value():
    assert check_value([1], Collection[int], "model.sizes") == [1]


def test_data_that_no_model_names_are_asked_for_as_they_can_be_given(monkeypatch, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "bare.yaml").write_text(
        "_target_: descentlab.nets.linear.Linear\nnum_features: 1\nbias: true\nparameterization: bias\n"
        "initial_coefficients: null\nseed: 1\n"
    )
    monkeypatch.setenv(config_folders.VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match=r"^data: expected a value, got none; give \+data=…"):
        compose(["model=bare"])
    assert compose(["model=bare", "+data=line"])["data"]["num_features"] == 1


def test_a_setting_that_another_class_does_not_take_is_told_how_to_be_left_out():
    with pytest.raises(InputError, match=r"^optimizer\.weight_decay: .* Type ~optimizer\.weight_decay where"):
        compose(["optimizer._target_=torch.optim.Rprop"])


def test_a_schedule_at_given_steps_takes_them_as_a_list():
    target = "scheduler._target_=torch.optim.lr_scheduler.MultiStepLR"
    assert compose([target, "+scheduler.milestones=[50,100]"])["scheduler"]["milestones"] == [50, 100]
    with pytest.raises(InputError, match=r"^scheduler\.milestones\.1: expected a valid integer, got 'late'"):
        compose([target, "+scheduler.milestones=[50,late]"])
