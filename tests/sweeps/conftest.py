"""Sweeps run in-process: jobs from overrides, trained as a stack and one after another."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache, partial
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from descentlab.runs.train import train
from descentlab.settings.compose import CONFIG_NAME
from descentlab.settings.config_folders import config_folder
from descentlab.settings.resolvers import register_resolvers
from descentlab.sweeps.compose import Job, compose_jobs
from descentlab.sweeps.launch import launch
from descentlab.sweeps.pieces import run_piece

Overrides = Sequence[Sequence[str]]

QUIET = [
    "logger=none",
    "~callbacks.scalars",
    "~callbacks.histograms",
    "~callbacks.progress",
]


@pytest.fixture(scope="session")
def loader() -> ConfigLoader:
    """Hydra's loader of the project's configs."""
    register_resolvers()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
    loader.get_group_options = cache(loader.get_group_options)  # for which Hydra copies all that it knows
    return loader


@pytest.fixture(scope="session")
def make_jobs(loader: ConfigLoader) -> Callable[[Overrides], list[Job]]:
    """Composes jobs as a multirun does; what was composed once is copied."""
    sweep = loader.load_configuration(CONFIG_NAME, ["hydra.mode=MULTIRUN"], run_mode=RunMode.MULTIRUN)

    @cache
    def composed(overrides: tuple[tuple[str, ...], ...]) -> list[Job]:
        return compose_jobs(loader, sweep, [[*QUIET, *each] for each in overrides], first=0)

    return lambda overrides: deepcopy(composed(tuple(map(tuple, overrides))))


@pytest.fixture
def stacked(tmp_path: Path, make_jobs: Callable[[Overrides], list[Job]]) -> Callable[[Overrides], Path]:
    """Trains jobs as one stack; returns the folder with a folder a job."""

    def run(overrides: Overrides) -> Path:
        folder = tmp_path / "stacked"
        folder.mkdir()
        launch(make_jobs(overrides), folder, partial(map, run_piece), num_workers=1)
        return folder

    return run


@pytest.fixture
def alone(tmp_path: Path, make_jobs: Callable[[Overrides], list[Job]]) -> Callable[[Overrides], Path]:
    """Trains the same jobs one after another as lone runs."""

    def run(overrides: Overrides) -> Path:
        for job in make_jobs(overrides):
            folder = tmp_path / "alone" / str(job.number)
            folder.mkdir(parents=True)
            train(job.settings, folder)
        return tmp_path / "alone"

    return run
