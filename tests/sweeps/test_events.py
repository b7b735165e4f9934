"""TensorBoard shows of a stacked job what it shows of a lone run."""

from functools import partial
from pathlib import Path

import pytest
from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from descentlab.runs.train import train
from descentlab.settings.compose import CONFIG_NAME
from descentlab.sweeps.compose import Job, compose_jobs
from descentlab.sweeps.launch import launch
from descentlab.sweeps.outcomes import outcomes_in
from descentlab.sweeps.pieces import run_piece
from descentlab.sweeps.shown import write_shown
from descentlab.sweeps.table import final_loss

SETTINGS = ["trainer.max_steps=60", "logger.every=20", "callbacks.histograms.every=30", "~logger.csv", "seed=3"]


def compose(loader: ConfigLoader, *overrides: str) -> list[Job]:
    sweep = loader.load_configuration(CONFIG_NAME, ["hydra.mode=MULTIRUN"], run_mode=RunMode.MULTIRUN)
    return compose_jobs(loader, sweep, [[*SETTINGS, *overrides, f"optimizer.lr={lr}"] for lr in (0.1, 0.2)], first=0)


def events(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder / "tensorboard"), size_guidance={"histograms": 0, "scalars": 0})
    accumulator.Reload()
    return accumulator


def sweep(jobs: list[Job], folder: Path) -> None:
    launch(jobs, folder, partial(map, run_piece), num_workers=1)
    write_shown(outcomes_in(folder, jobs), folder)


@pytest.fixture(params=["data.batch_size=null", "data.batch_size=30"])
def pair(
    loader: ConfigLoader, tmp_path: Path, request: pytest.FixtureRequest
) -> tuple[EventAccumulator, EventAccumulator]:
    jobs = compose(loader, request.param)
    sweep(jobs, tmp_path)
    (tmp_path / "lone").mkdir()
    train(jobs[1].settings, tmp_path / "lone")
    return events(tmp_path / "1"), events(tmp_path / "lone")


def test_scalars_are_those_of_the_lone_run(pair: tuple[EventAccumulator, EventAccumulator]) -> None:
    ours, theirs = pair
    tags = set(theirs.Tags()["scalars"])
    assert set(ours.Tags()["scalars"]) == tags
    for tag in tags:
        assert [(e.step, e.value) for e in ours.Scalars(tag)] == [(e.step, e.value) for e in theirs.Scalars(tag)], tag


def test_histograms_are_those_of_the_lone_run(pair: tuple[EventAccumulator, EventAccumulator]) -> None:
    ours, theirs = pair
    tags = set(theirs.Tags()["histograms"])
    assert set(ours.Tags()["histograms"]) == tags
    for tag in tags:
        shown, expected = ([(e.step, e.histogram_value) for e in each.Histograms(tag)] for each in pair)
        assert shown == expected, tag


def test_a_big_sweep_shows_the_best_the_median_the_worst_and_the_first_failures(
    loader: ConfigLoader, tmp_path: Path
) -> None:
    jobs = compose(loader, "sweep.events=1")
    more = [Job(number, job.overrides, job.settings) for number, job in enumerate(jobs * 3)]
    sweep(more, tmp_path)
    with_events = {int(path.parent.parent.name) for path in tmp_path.glob("*/tensorboard/events*")}
    ranked = sorted(outcomes_in(tmp_path, more), key=final_loss)
    assert with_events == {ranked[k].job.number for k in (0, 3, 5)}
