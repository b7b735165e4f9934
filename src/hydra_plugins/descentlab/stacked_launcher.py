"""`hydra/launcher=stacked`: the jobs of a multirun as one training run, shared out over this machine's cores."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from descentlab.sweeps.plan import folder_of, planned


@dataclass
class StackedLauncherConf:
    """`workers`: processes that train side by side; null is one a core."""

    _target_: str = "hydra_plugins.descentlab.stacked_launcher.StackedLauncher"
    workers: int | None = None


ConfigStore.instance().store(group="hydra/launcher", name="stacked", node=StackedLauncherConf, provider="descentlab")


class StackedLauncher(Launcher):
    """Groups the jobs, hands the groups over, and reports what came of them."""

    def __init__(self, workers: int | None) -> None:
        self.workers = workers

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context = hydra_context
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        jobs = planned(self.hydra_context.config_loader, self.config, job_overrides, initial_job_idx)
        from descentlab.sweeps.launch import launch  # torch is imported now, not to say no
        from descentlab.sweeps.workers import num_cores, on_cores

        count = num_cores() if self.workers is None else self.workers
        launch(jobs, folder_of(self.config), partial(on_cores, num_workers=count), count)
        return [JobReturn(overrides=job.overrides, status=JobStatus.COMPLETED, _return_value=None) for job in jobs]
