"""What the launchers have in common: the jobs of a multirun are planned, then trained in pieces somewhere."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from descentlab.errors import InputError
from descentlab.runs.folders import take_away
from descentlab.sweeps.compose import Job
from descentlab.sweeps.plan import folder_of, planned


class PieceLauncher(Launcher):
    """Hands the jobs over; the command reads what came of them from the sweep's folder."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        try:
            self.check()
        except InputError:
            if config.resume is None:
                take_away(folder_of(config))  # made for this sweep alone
            raise
        self.hydra_context = hydra_context
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        jobs = planned(self.hydra_context.config_loader, self.config, job_overrides, initial_job_idx)
        self.train(jobs, folder_of(self.config))
        return [JobReturn(overrides=job.overrides, status=JobStatus.COMPLETED, _return_value=None) for job in jobs]

    def check(self) -> None:
        """See whether there is what this launcher works with.

        Raises:
            InputError: naming what is missing.
        """

    @abstractmethod
    def train(self, jobs: Sequence[Job], folder: Path) -> None:
        """Train the jobs that have no result yet, and leave all that they come to in the sweep's folder."""
