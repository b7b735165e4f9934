"""Jobs that are stopped before their end, since others have come further with as many steps."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch import Callback, Trainer

from descentlab.callbacks.steps import StepCallback, points_of
from descentlab.modules.regression import RegressionModule
from descentlab.runs.outcome import final_metrics
from descentlab.sweeps.compose import Job
from descentlab.sweeps.stacked_module import Member, StackedRegression

NUM_REPORTS = 10
"""Of a job, about: a report is a write to the study's storage."""


@runtime_checkable
class Judge(Protocol):
    """Whoever says which jobs are to be stopped."""

    def stop(self, job: int, step: int, metrics: Mapping[str, float]) -> bool:
        """Take note of what a job has come to, and say whether it is to be stopped.

        Args:
            job: its number.
            step: gradient updates made.
            metrics: at that step.
        """


def judge_here() -> Judge | None:
    """Who judges the job that runs here, as `HydraConfig` shows it; None where nothing is pruned."""
    if not HydraConfig.initialized():
        return None
    hydra = HydraConfig.get()
    sweeper: Mapping[str, Any] = hydra.sweeper
    if sweeper.get("pruner", "none") == "none":
        return None
    from descentlab.sweeps.optuna_judge import OptunaJudge  # Optuna is imported now, by those alone who need it
    from descentlab.sweeps.search import Storage

    storage = Storage(sweeper["storage"], sweeper["study_name"])
    return OptunaJudge(Path(hydra.sweep.dir).resolve(), storage, sweeper["pruner"], sweeper["metric"])


def report_every(num_steps: int) -> int:
    """Steps between two reports of a job of so many."""
    return -(-num_steps // NUM_REPORTS) or 1


def pruning_of(job: Job) -> list[Callback]:
    """What a job that runs alone is pruned by, as the job of a sweep that `HydraConfig` shows."""
    judge = judge_here()
    return [] if judge is None else [Pruning(job.number, job.settings["trainer"]["max_steps"], judge)]


class Pruning(StepCallback):
    """Reports a lone job, and ends its run where the pruner says so.

    Args:
        job: its number.
        num_steps: gradient updates to be made.
        judge: of its sweep.
    """

    def __init__(self, job: int, num_steps: int, judge: Judge) -> None:
        super().__init__(report_every(num_steps))
        self._job, self._judge = job, judge

    def look(self, trainer: Trainer, module: RegressionModule, step: int) -> None:
        if step == 0 or step >= trainer.max_steps or trainer.should_stop:
            return
        metrics = final_metrics(module, points_of(trainer))
        module.train()
        if self._judge.stop(self._job, step, metrics):
            trainer.should_stop = module.pruned = True


class StackPruning(StepCallback):
    """Reports the members of a stack, and ends those that the pruner stops; the others go on.

    Args:
        jobs: the members' numbers in the sweep.
        members: of the stack.
        judge: of the sweep.
    """

    def __init__(self, jobs: Sequence[int], members: Sequence[Member], judge: Judge) -> None:
        super().__init__(None)
        self._jobs, self._members, self._judge = jobs, members, judge
        self._every = [report_every(member.num_steps) for member in members]

    def next_step(self, step: int) -> int:
        return min((step // every + 1) * every for every in self._every)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._look(trainer, pl_module)

    def look(self, trainer: Trainer, module: StackedRegression, step: int) -> None:
        running = module.stack.running()
        stopped = torch.zeros_like(running)
        for k in torch.nonzero(running).flatten().tolist() if step else []:
            if step % self._every[k] == 0:
                member = self._members[k]
                module.unstack_parameters(k)
                stopped[k] = self._judge.stop(self._jobs[k], step, final_metrics(member.module, member.data))
                member.module.train()
                member.module.pruned = bool(stopped[k])
        module.end(stopped)
