"""`hydra/sweeper=product`: every combination of the values given, as Hydra's own sweeper has it.

Hydra's own composes each job once to see whether it can be composed, in about a tenth of a second a job.
This one composes what the jobs share once, checks every value as well, and knows two things more:

    hydra.sweeper.zip=[optimizer.lr,trainer.max_steps]      their values run side by side, as pairs
    hydra.sweeper.points=9                                  values of each interval(…) that is swept
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from descentlab.errors import InputError
from descentlab.settings.check import check_value
from descentlab.settings.groups import PositiveInt
from descentlab.sweeps.plan import folder_of, leaving_nothing, plan
from descentlab.sweeps.product import jobs_of


@dataclass
class ProductSweeperConf:
    """`max_batch_size`: jobs handed to the launcher at once; null is all. `params`: values to be swept beside
    those of the command line, as in Hydra's own sweeper. `zip`: keys whose values run side by side, or a list of
    such lists. `points`: values of an interval."""

    _target_: str = "hydra_plugins.descentlab.product_sweeper.ProductSweeper"
    max_batch_size: int | None = None
    params: dict[str, str] | None = field(default_factory=dict)
    zip: list[Any] = field(default_factory=list)
    points: int | None = None


ConfigStore.instance().store(group="hydra/sweeper", name="product", node=ProductSweeperConf, provider="descentlab")


class ProductSweeper(Sweeper):
    """Notes all jobs, checked, and hands them to the launcher."""

    hydra_context: HydraContext
    config: DictConfig
    launcher: Launcher

    def __init__(
        self, max_batch_size: int | None, params: dict[str, str] | None, zip: list[Any], points: int | None
    ) -> None:
        self.max_batch_size = max_batch_size
        self.params = params or {}
        self.zip = zip
        self.points = points

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context = hydra_context
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        loader = self.hydra_context.config_loader
        given = [*(f"{key}={value}" for key, value in self.params.items()), *arguments]
        with leaving_nothing(self.config):
            points = check_value(self.points, PositiveInt | None, "hydra.sweeper.points")
            overrides = OverridesParser.create(config_loader=loader).parse_overrides(given)
            jobs = jobs_of(overrides, _groups_of(self.zip), points)
        plan(loader, self.config, jobs, first=0, is_whole=True)
        size = self.max_batch_size or len(jobs)
        from descentlab.sweeps.interruption import stopping_at_signals  # torch is imported now, not to say no

        returns = []
        with stopping_at_signals(folder_of(self.config)):  # for launchers of another make
            for first in range(0, len(jobs), size):
                returns.append(self.launcher.launch(jobs[first : first + size], initial_job_idx=first))
                for each in returns[-1]:
                    _ = each.return_value  # raises what such a launcher has caught
        return returns


def _groups_of(given: Sequence[Any]) -> list[list[str]]:
    """`[a, b]` and `[[a, b], [c, d]]` as groups of keys."""
    groups = [list(given)] if all(isinstance(each, str) for each in given) else list(given)
    for group in groups:
        if not isinstance(group, Sequence) or not all(isinstance(key, str) for key in group):
            raise InputError(f"hydra.sweeper.zip: expected keys, such as [seed,optimizer.lr], got {given}.")
    return [list(group) for group in groups if group]
