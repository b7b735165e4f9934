"""Jobs composed together have the settings that Hydra's own composition gives each."""

import time
from pathlib import Path

import pytest
from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from omegaconf import OmegaConf, open_dict, read_write

from descentlab.errors import InputError
from descentlab.settings.check import check
from descentlab.settings.compose import CONFIG_NAME, plain
from descentlab.sweeps.compose import compose_jobs

OVERRIDES = {
    "a choice": ["model=polynomial"],
    "an experiment": ["experiment=cubic_stability", "seed=3"],
    "an integer": ["seed=7"],
    "a negative number": ["data.left_slope=-2.5"],
    "a number with an exponent": ["optimizer.lr=1e-3"],
    "a number in quotes": ["name='007'"],
    "text": ["name=a-b"],
    "text with a blank": ["name='a b'"],
    "a boolean": ["model.bias=true"],
    "null": ["history.every=null"],
    "a list": ["model=linear", "model.initial_coefficients=[1,2]"],
    "a list in a value that others depend on": ["data=table", "data.x=[[1,2],[3,4]]", "data.y=[1,2]"],
    "a value that others depend on": ["logger.every=7"],
    "a value through a reference of a choice": ["scheduler=cosine", "trainer.max_steps=7"],
    "a value that others count with": ["trainer.max_steps=70000"],
    "a value in the middle of a chain": ["trainer.max_steps=70000", "logger.every=97"],
    "an interpolation": ["model.seed=${data.num_samples}", "data.num_samples=12"],
    "a removed callback": ["~callbacks.progress"],
    "an added key": ["+callbacks.mine={_target_: descentlab.callbacks.progress.Progress}"],
    "values beside choices": ["model=linear", "data=line", "optimizer=adam", "optimizer.betas=[0.8,0.9]", "seed=2"],
}


@pytest.mark.parametrize("overrides", OVERRIDES.values(), ids=OVERRIDES)
def test_a_job_has_the_settings_that_hydra_composes(overrides: list[str], loader: ConfigLoader) -> None:
    sweep = loader.load_configuration(CONFIG_NAME, ["hydra.mode=MULTIRUN"], run_mode=RunMode.MULTIRUN)
    # A job before it, so that the job is laid over another's composition.
    other = [text.replace("7", "9") for text in overrides]
    _, job = compose_jobs(loader, sweep, [other, overrides], first=0)
    assert job.settings == check(plain(loader.load_sweep_config(sweep, overrides)))


@pytest.mark.parametrize("overrides", OVERRIDES.values(), ids=OVERRIDES)
def test_a_job_has_the_files_that_hydra_writes(overrides: list[str], loader: ConfigLoader, tmp_path: Path) -> None:
    sweep = loader.load_configuration(CONFIG_NAME, ["hydra.mode=MULTIRUN"], run_mode=RunMode.MULTIRUN)
    other = [text.replace("7", "9") for text in overrides]
    _, job = compose_jobs(loader, sweep, [other, overrides], first=0)
    assert job.hydra_files is not None
    job.hydra_files.write(tmp_path, tmp_path / "sweep" / "1")
    # As hydra.core.utils.run_job does for the basic launcher.
    config = loader.load_sweep_config(sweep, overrides)
    with open_dict(config), read_write(config):
        config.hydra.job.id = config.hydra.job.num = 1
        config.hydra.runtime.output_dir = str(tmp_path / "sweep" / "1")
        hydra = OmegaConf.masked_copy(config, "hydra")
        del config["hydra"]
    expected = {"config": config, "hydra": hydra, "overrides": hydra.hydra.overrides.task}
    for name, node in expected.items():
        assert (tmp_path / ".hydra" / f"{name}.yaml").read_text() == OmegaConf.to_yaml(node), name


def test_an_impossible_job_is_named_with_its_overrides(loader: ConfigLoader) -> None:
    sweep = loader.load_configuration(CONFIG_NAME, ["hydra.mode=MULTIRUN"], run_mode=RunMode.MULTIRUN)
    with pytest.raises(InputError, match=r"optimizer\.lr: expected a value greater than 0, got 0.*job 6: optimizer"):
        compose_jobs(loader, sweep, [["optimizer.lr=0.1"], ["optimizer.lr=0"]], first=5)


def test_all_that_is_wrong_with_jobs_is_named_once(loader: ConfigLoader) -> None:
    sweep = loader.load_configuration(CONFIG_NAME, ["hydra.mode=MULTIRUN"], run_mode=RunMode.MULTIRUN)
    values = [(lr, width) for lr in ("0", "0.1", "-1") for width in ("0", "2")]
    with pytest.raises(InputError) as refusal:
        compose_jobs(loader, sweep, [[f"optimizer.lr={lr}", f"model.hidden_width={width}"] for lr, width in values], 0)
    assert str(refusal.value) == (
        "model.hidden_width: expected a value greater than or equal to 1, got 0. "
        "(job 0: optimizer.lr=0 model.hidden_width=0); "
        "optimizer.lr: expected a value greater than 0, got 0. (job 1: optimizer.lr=0 model.hidden_width=2); "
        "optimizer.lr: expected a value greater than 0, got -1. (job 5: optimizer.lr=-1 model.hidden_width=2)"
    )


@pytest.mark.parametrize("wrong", ["modle=linear", "model=linaer", "optimizer.lrr=1", "optimizer.lr=0"])
def test_what_is_wrong_with_ten_thousand_jobs_is_soon_said(loader: ConfigLoader, wrong: str) -> None:
    sweep = loader.load_configuration(CONFIG_NAME, ["hydra.mode=MULTIRUN"], run_mode=RunMode.MULTIRUN)
    start = time.perf_counter()
    with pytest.raises(InputError) as refusal:
        compose_jobs(loader, sweep, [[f"seed={k}", wrong] for k in range(10_000)], first=0)
    assert time.perf_counter() - start < 30.0
    assert str(refusal.value).count("(job ") == 1


def test_of_many_things_that_are_wrong_some_are_named(loader: ConfigLoader) -> None:
    sweep = loader.load_configuration(CONFIG_NAME, ["hydra.mode=MULTIRUN"], run_mode=RunMode.MULTIRUN)
    with pytest.raises(InputError, match=r"got -4\. \(job 4: optimizer\.lr=-4\); and 3 more$"):
        compose_jobs(loader, sweep, [[f"optimizer.lr={-k}"] for k in range(8)], first=0)


def test_a_misspelt_key_of_a_job_is_answered_with_the_nearest(loader: ConfigLoader) -> None:
    sweep = loader.load_configuration(CONFIG_NAME, ["hydra.mode=MULTIRUN"], run_mode=RunMode.MULTIRUN)
    with pytest.raises(InputError, match="did you mean hidden_width"):
        compose_jobs(loader, sweep, [["model.hidden_widht=3"]], first=0)
