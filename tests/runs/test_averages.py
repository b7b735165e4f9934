"""Runs that end with an average of their weights: what they log and leave, and how they go on."""

import csv
import shutil
import signal

import pytest

from descentlab.callbacks.steps import StepCallback
from descentlab.errors import InputError
from descentlab.runs.resume import resume
from descentlab.runs.soak import differences
from descentlab.settings.compose import read_settings
from descentlab.settings.extend import extended

OFTEN = ("callbacks.checkpoint.every=9", "callbacks.checkpoint.seconds=0", "callbacks.histograms.every=20")
EMA = ("model=relu_net", "callbacks=[default,ema]", "trainer.max_steps=60", *OFTEN)
SWA = ("model=relu_net", "callbacks=[default,swa]", "trainer.max_steps=60", *OFTEN)
STOPS = (
    *("model=linear", "data=noise", "callbacks=[default,early_stopping,ema]", "callbacks.early_stopping.patience=2"),
    *("trainer.max_steps=60", "logger.every=7", *OFTEN),
)
RUNS = {
    "ema": (*EMA, "logger.every=7"),
    "swa": (*SWA, "logger.every=7"),
    "a look at the last step": (*EMA, "logger.every=20"),
    "stopped early": STOPS,
}


def logged(folder) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "csv" / "metrics.csv").read_text().splitlines()))


@pytest.mark.parametrize("overrides", RUNS.values(), ids=RUNS)
def test_the_last_row_is_that_of_the_average_and_no_step_is_there_twice(trained, overrides):
    run = trained(*overrides)
    rows = logged(run.folder)
    found = {name: float(rows[-1][name]) for name in ("train/loss", "val/loss")}
    assert found == pytest.approx({name: run.result["metrics"][name] for name in found}, rel=1e-6)
    assert float(run.rows[-1]["val/loss"]) == pytest.approx(found["val/loss"], rel=1e-6)
    steps = [row["step"] for row in rows]
    assert len(set(steps)) == len(steps)


@pytest.mark.parametrize("overrides", RUNS.values(), ids=RUNS)
def test_a_run_killed_before_its_result_ends_as_one_that_was_not(trained, tmp_path, overrides):
    run = trained(*overrides)
    folder = shutil.copytree(run.folder, tmp_path / "killed")
    (folder / "result.json").unlink()
    resume(read_settings(folder / "config.yaml"), folder)
    assert differences(run.folder, folder) == []


@pytest.mark.parametrize("step", [25, 28], ids=["between looks", "at a look"])
@pytest.mark.parametrize("overrides", [RUNS["ema"], RUNS["swa"]], ids=["ema", "swa"])
def test_a_run_that_a_signal_stopped_goes_on_with_its_weights_and_not_with_their_average(
    train_with, trained, tmp_path, overrides, step
):
    class Signalled(StepCallback):
        def state_dict(self):
            return {}

        def look(self, trainer, module, at) -> None:
            if at == step and not trainer.should_stop:
                signal.raise_signal(signal.SIGTERM)

    first = train_with(tmp_path, [Signalled(step)], *overrides)
    assert first.result["num_steps"] == step
    resume(read_settings(tmp_path / "config.yaml"), tmp_path)
    assert differences(trained(*overrides).folder, tmp_path) == []


def test_a_run_that_is_extended_goes_on_with_its_weights_and_not_with_their_average(trained, tmp_path):
    whole = (*EMA, "logger.every=20", "history.every=1")
    folder = shutil.copytree(trained(*whole, "trainer.max_steps=40").folder, tmp_path / "run")
    resume(extended(read_settings(folder / "config.yaml"), ["trainer.max_steps=60"]), folder)
    assert differences(trained(*whole).folder, folder) == []


def test_two_averages_of_one_run_are_refused(trained):
    with pytest.raises(
        InputError, match=r"callbacks: expected one average .*, got ema and swa; type callbacks=\[default,"
    ):
        trained("model=linear", "callbacks=[default,ema,swa]", "trainer.max_steps=2")
