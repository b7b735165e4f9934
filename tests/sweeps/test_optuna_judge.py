"""Jobs are stopped where Optuna's own pruners stop trials with the same curves."""

import math
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from descentlab.runs.result import Result
from descentlab.sweeps.compose import Job
from descentlab.sweeps.dimensions import Reals
from descentlab.sweeps.optuna_judge import OptunaJudge
from descentlab.sweeps.search import Pruner, Search, Storage
from descentlab.sweeps.table import Outcome

STORAGE = Storage(None, None)
STEPS = range(10, 100, 10)
RATES = [0.05, 0.02, 0.06, 0.01, 0.04, 0.03, 0.001, 0.08, 0.0, 0.045, 0.02, 0.07]
"""Of the exponential decay of each job's loss; the first five end before the others begin."""


def loss(rate: float, step: int) -> float:
    return math.exp(-rate * step)


def ends_of_optuna(pruner: optuna.pruners.BasePruner) -> list[int | None]:
    """The step at which each trial is stopped, None at its end, by Optuna's own loop."""
    study = optuna.create_study(pruner=pruner, sampler=optuna.samplers.RandomSampler())
    ends: list[int | None] = []
    for batch in (RATES[:5], RATES[5:]):
        trials = [study.ask() for _ in batch]
        for trial, rate in zip(trials, batch, strict=True):
            ends.append(None)
            for step in STEPS:
                trial.report(loss(rate, step), step)
                if trial.should_prune():
                    ends[-1] = step
                    break
        for trial, rate, end in zip(trials, batch, ends[-len(batch) :], strict=True):
            study.tell(trial, *([loss(rate, 100)] if end is None else [None, TrialState.PRUNED]))
    return ends


def ended(number: int, rate: float, end: int | None) -> Outcome:
    metrics = {"val/loss": loss(rate, end or 100), "train/loss": 7.0}
    status = "completed" if end is None else "pruned"
    return Outcome(Job(number, [], {}), Result(status, end or 100, metrics, {}, {}, {}, "stacked", Path()))


@pytest.mark.parametrize(
    ("name", "pruner"),
    [("median", optuna.pruners.MedianPruner()), ("successive_halving", optuna.pruners.SuccessiveHalvingPruner())],
    ids=["median", "successive_halving"],
)
def test_jobs_are_stopped_where_optuna_stops_its_trials(
    tmp_path: Path, name: Pruner, pruner: optuna.pruners.BasePruner
) -> None:
    search = Search(tmp_path, {"lr": Reals(0.1, 0.5)}, STORAGE, "random", 0, None)
    ends: list[int | None] = []
    for batch in (range(5), range(5, len(RATES))):
        search.ask(batch.start, len(batch))
        judge = OptunaJudge(tmp_path, STORAGE, name, None)
        for job in batch:
            curve = [(step, {"val/loss": loss(RATES[job], step), "train/loss": 7.0}) for step in STEPS]
            ends.append(next((step for step, metrics in curve if judge.stop(job, step, metrics)), None))
        search.tell([ended(job, RATES[job], ends[job]) for job in batch])
    assert ends == ends_of_optuna(pruner)
    assert None in ends
    assert any(ends)
    for trial, end, rate in zip(search.study.trials, ends, RATES, strict=True):
        assert trial.state == (TrialState.COMPLETE if end is None else TrialState.PRUNED)
        assert trial.intermediate_values == {step: loss(rate, step) for step in STEPS if step <= (end or 100)}
        assert trial.value == loss(rate, end or 100)
    assert not search.is_open(len(RATES))


def test_what_was_reported_before_a_kill_is_not_reported_again(tmp_path: Path) -> None:
    search = Search(tmp_path, {"lr": Reals(0.1, 0.5)}, STORAGE, "random", 0, "train/mse")
    search.ask(0, 1)
    for _ in range(2):
        assert not OptunaJudge(tmp_path, STORAGE, "median", "train/mse").stop(
            0, 10, {"train/mse": 3.0, "train/loss": 1.0}
        )
    assert search.study.trials[0].intermediate_values == {10: 3.0}


def test_a_job_that_is_run_again_after_it_broke_down_is_not_stopped(tmp_path: Path) -> None:
    search = Search(tmp_path, {"lr": Reals(0.1, 0.5)}, STORAGE, "random", 0, None)
    search.ask(0, 1)
    search.tell([Outcome(Job(0, [], {}), None)])
    assert not OptunaJudge(tmp_path, STORAGE, "median", None).stop(0, 10, {"train/loss": math.nan})
    assert search.study.trials[0].intermediate_values == {}
