"""`hydra/sweeper=product`: every combination of the values given, as Hydra's own sweeper has it.

Hydra's own composes each job once to see whether it can be composed, in about a tenth of a second a job.
This one composes what the jobs share once, and checks every value as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore

from descentlab.sweeps.plan import plan


@dataclass
class ProductSweeperConf:
    """`params`: values to be swept beside those of the command line, as in Hydra's own sweeper."""

    _target_: str = "hydra_plugins.descentlab.product_sweeper.ProductSweeper"
    max_batch_size: int | None = None
    params: dict[str, str] | None = field(default_factory=dict)


ConfigStore.instance().store(group="hydra/sweeper", name="product", node=ProductSweeperConf, provider="descentlab")


class ProductSweeper(BasicSweeper):
    """Hydra's basic sweeper, with a check of all jobs that takes no time."""

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        assert self.hydra_context is not None
        assert self.config is not None
        assert self.overrides is not None
        if self.batch_index == 1:  # counted from 1: all batches are checked before the first is trained
            jobs = [job for each in self.overrides for job in each]
            plan(self.hydra_context.config_loader, self.config, jobs, first=0, is_whole=True)
