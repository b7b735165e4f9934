"""`hydra/sweeper=optuna`: a search for the lowest loss, in batches of jobs that are trained as one stack.

    python scripts/train.py -m model=relu_net hydra/sweeper=optuna \\
        optimizer.lr='tag(log,interval(1e-4,1))' optimizer=sgd,adam hydra.sweeper.num_trials=100

The ranges are in Hydra's own words: see descentlab/sweeps/space.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from descentlab.errors import InputError
from descentlab.extras import need
from descentlab.settings.check import check_value
from descentlab.settings.groups import NonNegativeInt, PositiveInt
from descentlab.sweeps.dimensions import Dimension
from descentlab.sweeps.ledger import ledger_of
from descentlab.sweeps.plan import folder_of, leaving_nothing, plan, rehearse
from descentlab.sweeps.space import corners, overrides_at, space_of

if TYPE_CHECKING:
    from descentlab.sweeps.search import Search


@dataclass
class OptunaSweeperConf:
    """`num_trials`: jobs of the sweep. `batch_size`: jobs asked for at once and trained together. `storage`: of
    the study, as Optuna takes it; null is `study.db` in the sweep's folder. `study_name`: null is the name of that
    folder; a study that is there already is gone on with. `metric`: what is minimised; null is `val/loss`, or
    `train/loss` without validation points. `sampler`: tpe, gp or random. `pruner`: which stops jobs on the
    way: none, median or successive_halving. `seed`: of the search alone. `params`:
    overrides beside those of the command line, as in Hydra's own sweeper."""

    _target_: str = "hydra_plugins.descentlab.optuna_sweeper.OptunaSweeper"
    num_trials: int = 64
    batch_size: int = 16
    storage: str | None = None
    study_name: str | None = None
    metric: str | None = None
    sampler: str = "tpe"
    pruner: str = "none"
    seed: int = 0
    params: dict[str, str] | None = field(default_factory=dict)


ConfigStore.instance().store(group="hydra/sweeper", name="optuna", node=OptunaSweeperConf, provider="descentlab")


class OptunaSweeper(Sweeper):
    """Asks for points, notes their jobs, hands them to the launcher and tells what came of them."""

    config: DictConfig
    launcher: Launcher

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.loader = hydra_context.config_loader
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        with leaving_nothing(self.config):
            num_trials, batch_size = (self._checked(name, PositiveInt) for name in ("num_trials", "batch_size"))
            params = [f"{key}={value}" for key, value in (self.settings["params"] or {}).items()]
            overrides = OverridesParser.create(config_loader=self.loader).parse_overrides([*params, *arguments])
            space = space_of(overrides)
            rehearse(self.loader, self.config, [overrides_at(space, point) for point in corners(space)])
            search = self._search({key: given for key, given in space.items() if not isinstance(given, str)})
        count = len(ledger_of(folder_of(self.config)).jobs)
        if count:
            known = [overrides_at(space, point) for point in search.points(count)]
            plan(self.loader, self.config, known, first=0, is_whole=True)
            if search.is_open(count):
                self._run(search, known, first=0)
        while count < num_trials:
            points = search.ask(count, min(batch_size, num_trials - count))
            batch = [overrides_at(space, point) for point in points]
            plan(self.loader, self.config, batch, first=count, is_whole=False)
            self._run(search, batch, first=count)
            count += len(batch)

    def _run(self, search: "Search", batch: Sequence[Sequence[str]], first: int) -> None:
        from descentlab.sweeps.interruption import stopping_at_signals  # torch is imported now, not to say no
        from descentlab.sweeps.outcomes import outcomes_in

        folder = folder_of(self.config)
        with stopping_at_signals(folder):  # for launchers of another make
            self.launcher.launch(batch, initial_job_idx=first)
        search.tell(outcomes_in(folder, ledger_of(folder).jobs[first : first + len(batch)]))

    def _search(self, dimensions: Mapping[str, Dimension]) -> "Search":
        if not dimensions:
            raise InputError(
                "hydra/sweeper=optuna: expected something to search, got none; "
                "type optimizer.lr='tag(log,interval(1e-4,1))'."
            )
        need("optuna", "hydra/sweeper=optuna")
        from descentlab.sweeps.search import Pruner, Sampler, Search, Storage

        self._checked("pruner", Pruner)
        return Search(
            folder_of(self.config),
            dimensions,
            Storage(self.settings["storage"], self.settings["study_name"]),
            self._checked("sampler", Sampler),
            self._checked("seed", NonNegativeInt),
            self.settings["metric"],
        )

    def _checked(self, name: str, annotation: Any) -> Any:
        return check_value(self.settings[name], annotation, f"hydra.sweeper.{name}")
