"""Loggers as choices, several at once, and those of other packages."""

import sys

import pytest

from descentlab.errors import InputError
from descentlab.extras import need_loggers
from descentlab.settings.compose import compose

QUICK = ("model=linear", "trainer.max_steps=20")


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        ("logger=csv", {"csv"}),
        ("logger=tensorboard", {"tensorboard"}),
        ("logger=[csv,tensorboard]", {"csv", "tensorboard"}),
        ("logger=none", set()),
    ],
)
def test_a_run_is_written_by_the_loggers_chosen(trained, choice, written):
    run = trained(*QUICK, choice)
    assert {path.name for path in run.folder.iterdir()} & {"csv", "tensorboard"} == written


def test_an_unknown_logger_among_several_is_named():
    with pytest.raises(InputError, match=r"logger=nope: there is no such choice; .*Valid: .*csv, .*default, .*mlflow"):
        compose(["logger=[csv,nope]"])
    with pytest.raises(InputError, match=r"model=\[linear,polynomial\]: expected the name of a choice"):
        compose(["model=[linear,polynomial]"])


@pytest.mark.parametrize("package", ["wandb", "mlflow"])
def test_a_package_that_is_missing_is_named_with_the_line_that_installs_it(package, monkeypatch, trained):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("descentlab.extras.find_spec", lambda name: None)
    message = (
        rf"logger\.{package}: expected {package}, which is not installed; type pip install 'descentlab\[{package}\]'"
    )
    settings = compose([f"logger={package}"])
    with pytest.raises(InputError, match=message):
        need_loggers(settings)
    with pytest.raises(InputError, match=message):
        trained(*QUICK, f"logger={package}")


def test_wandb_writes_offline(trained):
    pytest.importorskip("wandb", reason="pip install -e '.[wandb]'")
    run = trained(*QUICK, "logger=wandb")
    (written,) = run.folder.glob("wandb/offline-run-*/*.wandb")
    assert written.stat().st_size > 0


def test_mlflow_has_the_settings_and_the_losses(trained, tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="pip install -e '.[mlflow]'")
    store = (tmp_path / "mlruns").as_uri()
    run = trained(*QUICK, "logger=mlflow", f"logger.mlflow.tracking_uri={store}")
    client = mlflow.MlflowClient(store)
    experiment = client.get_experiment_by_name("descentlab")
    (seen,) = client.search_runs([experiment.experiment_id])
    assert seen.data.params["optimizer.lr"] == "0.1"
    assert seen.data.metrics["train/loss"] == pytest.approx(run.result["metrics"]["train/loss"])
