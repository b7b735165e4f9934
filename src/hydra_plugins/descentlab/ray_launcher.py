"""`hydra/launcher=ray`: a multirun as tasks of a Ray cluster, `hydra.launcher.address=<host>:<port>`, or of one
that is started on this machine for the sweep. A task is given a stack, not a job."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Gt
from hydra.core.config_store import ConfigStore

from descentlab.errors import InputError
from descentlab.extras import need
from descentlab.settings.check import check_value
from descentlab.sweeps.compose import Job
from hydra_plugins.descentlab.piece_launcher import PieceLauncher


@dataclass
class RayLauncherConf:
    """`address`: of a running cluster; null starts one here; `cpus_per_task`: a stack uses one; `gpus_per_task`:
    null is one where the jobs ask for a GPU; `retries`: how often a task whose worker died is run again."""

    _target_: str = "hydra_plugins.descentlab.ray_launcher.RayLauncher"
    address: str | None = None
    cpus_per_task: float = 1
    gpus_per_task: float | None = None
    retries: int = 3


ConfigStore.instance().store(group="hydra/launcher", name="ray", node=RayLauncherConf, provider="descentlab")


class RayLauncher(PieceLauncher):
    """Trains pieces in Ray's tasks."""

    def __init__(self, address: str | None, cpus_per_task: float, gpus_per_task: float | None, retries: int) -> None:
        self.address = address
        self.cpus_per_task = cpus_per_task
        self.gpus_per_task = gpus_per_task
        self.retries = retries

    def check(self) -> None:
        check_value(self.cpus_per_task, Annotated[float, Gt(0)], "hydra.launcher.cpus_per_task")
        check_value(self.gpus_per_task, Annotated[float, Ge(0)] | None, "hydra.launcher.gpus_per_task")
        check_value(self.retries, Annotated[int, Ge(-1)], "hydra.launcher.retries")  # -1: without end
        need("ray", "hydra/launcher=ray")
        if self.address is None:
            return
        host, _, port = self.address.rpartition(":")
        try:  # Ray itself would knock for a minute
            socket.create_connection((host, int(port)), timeout=10).close()
        except (OSError, ValueError, OverflowError) as error:
            raise InputError(
                f"hydra.launcher.address: expected the address of a Ray cluster (<host>:<port>), got {self.address} "
                f"({error})."
            ) from error

    def train(self, jobs: Sequence[Job], folder: Path) -> None:
        if self.address is None or _is_on_loopback_alone(self.address):
            # Else Ray takes loopback for the machine's own address, also where it is typed; read when it is imported.
            os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        from descentlab.sweeps.launch import launch  # torch is imported now, not to say no
        from descentlab.sweeps.on_ray import cluster, on_ray
        from descentlab.sweeps.workers import gpus_of_task, tasks_at_a_time

        gpus = float(gpus_of_task(jobs)) if self.gpus_per_task is None else self.gpus_per_task
        task = {"CPU": self.cpus_per_task, "GPU": gpus}
        with cluster(self.address) as resources:
            workers = partial(on_ray, resources=task, retries=self.retries)
            launch(jobs, folder, workers, tasks_at_a_time(resources, task))


def _is_on_loopback_alone(address: str) -> bool:
    """Whether a server that answers at an address answers there as 127.0.0.1, and not as each of this machine's."""
    host, _, port = address.rpartition(":")
    if host not in ("127.0.0.1", "localhost"):
        return False
    try:
        socket.create_connection(("127.0.0.2", int(port)), timeout=1).close()
    except OSError:
        return True
    return False
