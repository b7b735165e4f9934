"""What `HydraConfig` shows within a job that Hydra itself did not start."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, read_write

from descentlab.sweeps.compose import Job


def hydra_of_sweep(folder: Path) -> DictConfig | None:
    """Hydra's own part of the sweep's config, fit to be sent to another process; None outside Hydra.

    Args:
        folder: of the sweep.
    """
    if not HydraConfig.initialized():
        return None
    known = HydraConfig.instance().cfg
    assert known is not None
    config = OmegaConf.masked_copy(cast(DictConfig, known), "hydra")
    with read_write(config.hydra):  # both refer to settings that the copy leaves behind
        config.hydra.sweep.dir = str(folder)
        config.hydra.run.dir = str(folder)
    return config


@contextmanager
def as_job(job: Job, folder: Path, hydra: DictConfig | None) -> Iterator[None]:
    """With `HydraConfig` as Hydra's basic launcher sets it for a job: its number and id, its overrides and
    choices, its folder; what it was before is put back.

    Args:
        job: of the sweep.
        folder: of the sweep.
        hydra: of `hydra_of_sweep`; None leaves everything as it is.
    """
    if hydra is None:
        yield
        return
    singleton = HydraConfig.instance()
    held = singleton.cfg
    singleton.cfg = cast(Any, _HydraOfJob(job, folder, hydra))  # of which Hydra asks `hydra` alone
    try:
        yield
    finally:
        singleton.cfg = held


class _HydraOfJob:
    """Hydra's part of a job's config, made when somebody asks: in a sweep of thousands hardly anybody does."""

    def __init__(self, job: Job, folder: Path, sweep: DictConfig) -> None:
        self._job = job
        self._folder = folder
        self._sweep = sweep

    @cached_property
    def hydra(self) -> Any:
        node = deepcopy(self._sweep).hydra
        with read_write(node):
            node.job.num = self._job.number
            node.job.id = str(self._job.number)
            node.overrides.task = self._job.overrides
            node.runtime.output_dir = str(self._folder / str(self._job.number))
            for text in self._job.overrides:
                group, _, choice = text.partition("=")
                if group in node.runtime.choices:
                    node.runtime.choices[group] = choice
        return node
