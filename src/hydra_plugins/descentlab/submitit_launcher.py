"""`hydra/launcher=submitit_slurm` and `submitit_local`: a multirun as tasks of SLURM, each of which trains a
part of every stack. A task is given stacks, not jobs: a thousand jobs are a handful of tasks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Gt
from hydra.core.config_store import ConfigStore

from descentlab.errors import InputError
from descentlab.extras import need
from descentlab.settings.check import check_value
from descentlab.settings.groups import NonNegativeInt, PositiveInt
from descentlab.sweeps.compose import Job
from descentlab.sweeps.plan import leaving_nothing
from hydra_plugins.descentlab.piece_launcher import PieceLauncher


@dataclass
class SubmititLocalConf:
    """The same on this machine, to try it out.

    `tasks`: the most there may be; `timeout_min`: minutes that a task may take; `timeouts`: how often one
    that takes longer is started again.
    """

    _target_: str = "hydra_plugins.descentlab.submitit_launcher.SubmititLauncher"
    cluster: str = "local"
    tasks: int = 2
    timeout_min: int = 60
    timeouts: int = 3


@dataclass
class SubmititSlurmConf(SubmititLocalConf):
    """`array_parallelism`: the most tasks at a time; `cpus_per_task`: a stack uses one; `gpus_per_task`: null is one
    where the jobs ask for a GPU; `mem_gb`, `partition`: SLURM's own default if null; `additional_parameters`: of
    sbatch, e.g. `{account: lab, qos: low}`."""

    cluster: str = "slurm"
    tasks: int = 16
    array_parallelism: int = 256
    partition: str | None = None
    cpus_per_task: int = 1
    gpus_per_task: int | None = None
    mem_gb: float | None = None
    additional_parameters: dict[str, Any] = field(default_factory=dict)


for _name, _node in (("submitit_local", SubmititLocalConf), ("submitit_slurm", SubmititSlurmConf)):
    ConfigStore.instance().store(group="hydra/launcher", name=_name, node=_node, provider="descentlab")


_RANGES: dict[str, Any] = {
    "tasks": PositiveInt,
    "timeout_min": PositiveInt,
    "timeouts": NonNegativeInt,
    "array_parallelism": PositiveInt,
    "cpus_per_task": PositiveInt,
    "gpus_per_task": NonNegativeInt,
    "mem_gb": Annotated[float, Gt(0)],
}


class SubmititLauncher(PieceLauncher):
    """Trains pieces in tasks that submitit starts.

    Args:
        cluster: where.
        tasks, timeouts: as `descentlab.sweeps.submitted.on_submitit` takes them.
        timeout_min: minutes.
        gpus_per_task: None is one where the jobs ask for a GPU.
        slurm: the settings that SLURM alone has.
    """

    def __init__(
        self,
        cluster: Literal["slurm", "local"],
        tasks: int,
        timeout_min: int,
        timeouts: int,
        gpus_per_task: int | None = 0,
        **slurm: Any,
    ) -> None:
        self.cluster: Literal["slurm", "local"] = cluster
        self.tasks = tasks
        self.timeouts = timeouts
        self.gpus_per_task = gpus_per_task
        self.given: dict[str, Any] = {
            "tasks": tasks,
            "timeouts": timeouts,
            "timeout_min": timeout_min,
            "gpus_per_task": gpus_per_task,
            **slurm,
        }
        self.parameters = (
            {"timeout_min": timeout_min, **_parameters(**slurm)} if slurm else {"timeout_min": timeout_min}
        )

    def check(self) -> None:
        for name, annotation in _RANGES.items():
            if self.given.get(name) is not None:
                check_value(self.given[name], annotation, f"hydra.launcher.{name}")
        need("submitit", f"hydra/launcher=submitit_{self.cluster}")

    def train(self, jobs: Sequence[Job], folder: Path) -> None:
        if self.cluster == "local" and any(job.settings["trainer"]["accelerator"] == "gpu" for job in jobs):
            with leaving_nothing(self.config, jobs[0].number):
                raise InputError(
                    "hydra/launcher=submitit_local: expected jobs for the CPU, since their tasks see no GPU; "
                    "leave it away, or type hydra/launcher=submitit_slurm."
                )
        from descentlab.sweeps.launch import launch  # torch is imported now, not to say no
        from descentlab.sweeps.submitted import on_submitit
        from descentlab.sweeps.workers import gpus_of_task

        num_gpus = gpus_of_task(jobs) if self.gpus_per_task is None else self.gpus_per_task
        workers = partial(
            on_submitit,
            sweep=folder,
            cluster=self.cluster,
            tasks=self.tasks,
            timeouts=self.timeouts,
            parameters=self.parameters | ({"gpus_per_node": num_gpus} if num_gpus else {}),
        )
        launch(jobs, folder, workers, self.tasks)


def _parameters(
    *,
    array_parallelism: int,
    partition: str | None,
    cpus_per_task: int,
    mem_gb: float | None,
    additional_parameters: dict[str, Any],
) -> dict[str, Any]:
    """In submitit's names; what is not given is SLURM's to choose."""
    given = {
        "slurm_array_parallelism": array_parallelism,
        "slurm_partition": partition,
        "cpus_per_task": cpus_per_task,
        "mem_gb": mem_gb,
        "slurm_additional_parameters": dict(additional_parameters) or None,
    }
    return {name: value for name, value in given.items() if value is not None}
