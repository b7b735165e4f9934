"""`hydra/sweeper=product`: every combination of the values given, as Hydra's own sweeper has it.

Hydra's own composes each job once to see whether it can be composed, in about a tenth of a second a job.
This one composes what the jobs share once, and checks every value as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore

from descentlab.errors import InputError
from descentlab.runs.folders import take_away
from descentlab.sweeps.compose import compose_jobs


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
        try:
            compose_jobs(self.hydra_context.config_loader, self.config, batch, first=0)
        except InputError:
            if self.config.resume is None:
                take_away(Path(self.config.hydra.sweep.dir))  # made for this sweep alone, and nothing was trained
            raise
