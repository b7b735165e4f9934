"""`hydra/launcher=stacked`: the jobs of a multirun as one training run, shared out over this machine's cores."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hydra.core.config_store import ConfigStore

from descentlab.settings.check import check_value
from descentlab.settings.groups import PositiveInt
from descentlab.sweeps.compose import Job
from hydra_plugins.descentlab.piece_launcher import PieceLauncher


@dataclass
class StackedLauncherConf:
    """`workers`: processes that train side by side; null is one a core."""

    _target_: str = "hydra_plugins.descentlab.stacked_launcher.StackedLauncher"
    workers: int | None = None


ConfigStore.instance().store(group="hydra/launcher", name="stacked", node=StackedLauncherConf, provider="descentlab")


class StackedLauncher(PieceLauncher):
    """Trains pieces in processes of this machine."""

    def __init__(self, workers: int | None) -> None:
        self.workers = workers

    def check(self) -> None:
        check_value(self.workers, PositiveInt | None, "hydra.launcher.workers")

    def train(self, jobs: Sequence[Job], folder: Path) -> None:
        from descentlab.processes import num_cores
        from descentlab.sweeps.launch import launch  # torch is imported now, not to say no
        from descentlab.sweeps.workers import on_cores, workers_for

        count = workers_for(jobs, num_cores() if self.workers is None else self.workers)
        launch(jobs, folder, partial(on_cores, num_workers=count), count)
