"""What the jobs of a search come to on the way, told to Optuna, whose pruner says which are to be stopped."""

from collections.abc import Callable, Mapping
from pathlib import Path

import optuna
from optuna.trial import TrialState

from descentlab.sweeps.search import Pruner, Storage, trials_of, value_of

_PRUNERS: dict[Pruner, Callable[[], optuna.pruners.BasePruner]] = {
    "median": optuna.pruners.MedianPruner,
    "successive_halving": optuna.pruners.SuccessiveHalvingPruner,
}


class OptunaJudge:
    """The `Judge` of a search: tells the study what its jobs come to on the way, and asks the study's pruner.

    Args:
        folder: of the sweep.
        storage: where the study is kept; it is there.
        pruner: who decides, with Optuna's defaults.
        metric: what is minimised, as `Search` takes it.
    """

    def __init__(self, folder: Path, storage: Storage, pruner: Pruner, metric: str | None) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._metric = metric
        self._study = optuna.load_study(
            study_name=storage.name_in(folder),
            storage=storage.url_in(folder),
            sampler=optuna.samplers.RandomSampler(),  # a trial that is looked up asks its sampler
            pruner=_PRUNERS[pruner](),
        )
        self._trials = trials_of(self._study, folder.name)

    def stop(self, job: int, step: int, metrics: Mapping[str, float]) -> bool:
        """Report what a job has come to, and ask whether it is to be stopped.

        A job that is run again after it broke down has no running trial, and goes on to its end.

        Args:
            job: its number.
            step: gradient updates made.
            metrics: at that step.
        """
        known = self._trials[job]
        if known.state != TrialState.RUNNING:
            return False
        trial = optuna.trial.Trial(self._study, known._trial_id)
        if step not in known.intermediate_values:  # of a sweep that was killed
            trial.report(value_of(metrics, self._metric), step)
        return bool(trial.should_prune())  # a pruner gives what it has compared by
