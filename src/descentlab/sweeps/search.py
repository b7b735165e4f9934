"""A search for the best settings: Optuna says which points to try, batch by batch, and is told what came of them.

A study is Optuna's, in a storage that its own tools open (`optuna.load_study`, optuna-dashboard). A trial of it
that belongs to a sweep carries the user attribute `job`, `<name of the sweep's folder>/<number of the job>`.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    check_distribution_compatibility,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from descentlab.errors import InputError, did_you_mean
from descentlab.sweeps.dimensions import Choices, Dimension, Integers
from descentlab.sweeps.table import Outcome

Sampler = Literal["tpe", "gp", "random"]
"""Tree-structured Parzen estimator, Gaussian process, uniform draws."""

Pruner = Literal["none", "median", "successive_halving"]
"""None; below the median of the trials that have ended, at the same step; asynchronous successive halving."""

_SAMPLERS: dict[Sampler, Callable[..., optuna.samplers.BaseSampler]] = {
    "tpe": optuna.samplers.TPESampler,
    "gp": optuna.samplers.GPSampler,
    "random": optuna.samplers.RandomSampler,
}
_JOB = "job"


@dataclass(frozen=True)
class Storage:
    """Where a study is kept.

    Attributes:
        url: as Optuna takes it, e.g. `sqlite:///study.db`; None: `study.db` in the sweep's folder.
        study_name: None: the name of the sweep's folder. A study that is there already is gone on with.
    """

    url: str | None
    study_name: str | None

    def url_in(self, folder: Path) -> str:
        """The URL for the sweep in a folder."""
        return f"sqlite:///{folder / 'study.db'}" if self.url is None else self.url

    def name_in(self, folder: Path) -> str:
        """The study's name for the sweep in a folder."""
        return folder.name if self.study_name is None else self.study_name


class Search:
    """A study as one sweep sees it: its trials are the sweep's jobs.

    Args:
        folder: of the sweep.
        dimensions: what is searched, by key.
        storage: where the study is kept.
        sampler: how points are chosen.
        seed: of the choice; the same seed and the same study so far give the same points.
        metric: what is minimised, a metric of a job's result; None: `val/loss`, or `train/loss` without
            validation points.

    Raises:
        InputError: the storage cannot be opened, or the study in it is of another search.
    """

    def __init__(
        self,
        folder: Path,
        dimensions: Mapping[str, Dimension],
        storage: Storage,
        sampler: Sampler,
        seed: int,
        metric: str | None,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._sweep = folder.name
        self._distributions = {key: distribution_of(dimension) for key, dimension in dimensions.items()}
        self._sampler, self._seed, self._metric = sampler, seed, metric
        url, name = storage.url_in(folder), storage.name_in(folder)
        try:
            self.study = optuna.create_study(storage=url, study_name=name, load_if_exists=True)
        except Exception as error:  # of whichever database library
            reason = str(error).splitlines()[0]
            raise InputError(
                f"hydra.sweeper.storage: expected one that can be opened, got {url} ({reason}); "
                "type such as hydra.sweeper.storage=sqlite:///study.db"
            ) from error
        if len(self.study.directions) != 1 or self.study.direction != optuna.study.StudyDirection.MINIMIZE:
            raise InputError(
                f"hydra.sweeper.study_name: expected a study that minimises one value, got {name}; type another name."
            )
        self._check_compatible()

    def ask(self, first: int, count: int) -> list[dict[str, Any]]:
        """The points of `count` new jobs, numbered from `first`; they count as running from now on."""
        # By the size of the study, so that a search taken up again does not draw the same points again.
        seed = int(np.random.SeedSequence([self._seed, len(self.study.trials)]).generate_state(1)[0])
        self.study.sampler = _SAMPLERS[self._sampler](seed=seed)
        points = []
        for number in range(first, first + count):
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Clip non-finite values")  # gp: of diverged jobs, as it should
                trial = self.study.ask(self._distributions)
            trial.set_user_attr(_JOB, self._name_of(number))
            points.append(trial.params)
        return points

    def points(self, count: int) -> list[dict[str, Any]]:
        """The points of the first `count` jobs, as they were asked for.

        Raises:
            InputError: the study does not have them, or was asked in another space.
        """
        trials = self._trials()
        for number in range(count):
            if number not in trials:
                raise InputError(
                    f"resume: the study {self.study.study_name} has no trial of job {number}; "
                    "give the storage and the study_name that the sweep was launched with."
                )
            before = trials[number].distributions
            for key in {**before, **self._distributions}:
                if before.get(key) != self._distributions.get(key):
                    raise InputError(
                        f"resume: the search was launched with {key} from {before.get(key)}, and now has "
                        f"{self._distributions.get(key)}; start a new sweep for another space."
                    )
        return [trials[number].params for number in range(count)]

    def is_open(self, count: int) -> bool:
        """Whether one of the first `count` jobs is running or broke down, so that it is to be run again."""
        trials = self._trials()
        return any(trials[number].state not in (TrialState.COMPLETE, TrialState.PRUNED) for number in range(count))

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Tell what came of jobs.

        A diverged job is worth infinity, so that the search keeps away from where it was; one that was pruned
        is worth what it reported last; one that broke down says nothing of its point and is a failed trial,
        and another trial if it is run again.

        Args:
            outcomes: of jobs that were asked for; those told before are left alone.

        Raises:
            InputError: a result has no such metric.
        """
        trials = self._trials()
        for outcome in outcomes:
            trial = trials[outcome.job.number]
            if trial.state == TrialState.FAIL and outcome.result is not None:
                trial = self._again(trial)
            if trial.state != TrialState.RUNNING:
                continue
            if outcome.result is None:
                self.study.tell(trial.number, state=TrialState.FAIL)
            elif outcome.result.status == "pruned":
                self.study.tell(trial.number, state=TrialState.PRUNED)
            else:
                self.study.tell(trial.number, self._value(outcome))

    def _value(self, outcome: Outcome) -> float:
        result = outcome.result
        assert result is not None
        value = value_of(result.metrics, self._metric)
        return value if result.status == "completed" and math.isfinite(value) else math.inf

    def _again(self, trial: FrozenTrial) -> FrozenTrial:
        self.study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs=trial.user_attrs,
            )
        )
        return self.study.get_trials(deepcopy=False)[-1]

    def _trials(self) -> dict[int, FrozenTrial]:
        """The last trial of each job of this sweep, by its number."""
        return trials_of(self.study, self._sweep)

    def _name_of(self, number: int) -> str:
        return f"{self._sweep}/{number}"

    def _check_compatible(self) -> None:
        for trial in self.study.get_trials(deepcopy=False):
            for key in trial.distributions.keys() & self._distributions.keys():
                try:
                    check_distribution_compatibility(trial.distributions[key], self._distributions[key])
                except ValueError as error:
                    raise InputError(
                        f"{key}: the study {self.study.study_name} has it from {trial.distributions[key]}, which "
                        "cannot be changed; give another hydra.sweeper.study_name."
                    ) from error


def trials_of(study: optuna.Study, sweep: str) -> dict[int, FrozenTrial]:
    """The last trial of each job of a sweep, by its number.

    Args:
        study: that the sweep goes on with.
        sweep: the name of its folder.
    """
    trials = {}
    for trial in study.get_trials(deepcopy=False):
        name, _, number = str(trial.user_attrs.get(_JOB, "")).rpartition("/")
        if name == sweep:
            trials[int(number)] = trial
    return trials


def value_of(metrics: Mapping[str, float], metric: str | None) -> float:
    """What is minimised: the metric asked for, else the validation loss, else the training loss.

    Raises:
        InputError: there is no such metric.
    """
    if metric is None:
        return metrics.get("val/loss", metrics["train/loss"])
    if metric not in metrics:
        names = did_you_mean(metric, metrics)
        raise InputError(f"hydra.sweeper.metric: {metric}: there is no such metric; {names}")
    return metrics[metric]


def distribution_of(dimension: Dimension) -> BaseDistribution:
    """What Optuna calls a dimension."""
    if isinstance(dimension, Choices):
        return CategoricalDistribution(dimension.values)
    if isinstance(dimension, Integers):
        return IntDistribution(dimension.low, dimension.high, step=dimension.step, log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, step=dimension.step, log=dimension.log)
