"""`hydra/launcher=stacked`: the jobs of a multirun as one training run."""

from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from descentlab.sweeps.compose import compose_jobs


@dataclass
class StackedLauncherConf:
    """The launcher has no settings of its own; those of the sweep are under `sweep`."""

    _target_: str = "hydra_plugins.descentlab.stacked_launcher.StackedLauncher"


ConfigStore.instance().store(group="hydra/launcher", name="stacked", node=StackedLauncherConf, provider="descentlab")


class StackedLauncher(Launcher):
    """Groups the jobs, hands the groups over, and reports what came of them."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context = hydra_context
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        jobs = compose_jobs(self.hydra_context.config_loader, self.config, job_overrides, initial_job_idx)
        from descentlab.commands.sweep import run_sweep  # torch is imported now, not to say no

        run_sweep(self.config, jobs)
        return [JobReturn(overrides=job.overrides, status=JobStatus.COMPLETED, _return_value=None) for job in jobs]
