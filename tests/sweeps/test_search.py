"""A search as Optuna's own tools see it."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from descentlab.errors import InputError
from descentlab.runs.result import Result, Status
from descentlab.sweeps.compose import Job
from descentlab.sweeps.dimensions import Choices, Dimension, Integers, Reals
from descentlab.sweeps.search import Sampler, Search, Storage
from descentlab.sweeps.table import Outcome

RATE: dict[str, Dimension] = {"lr": Reals(1e-4, 1.0, log=True)}
OWN = Storage(None, None)
MEMORY = Storage("sqlite:///:memory:", None)
Study = Callable[..., Search]


@pytest.fixture
def search(tmp_path: Path) -> Study:
    """Opens the search of a sweep folder."""

    def opened(
        name: str = "sweep",
        space: dict[str, Dimension] = RATE,
        sampler: Sampler = "random",
        storage: Storage = OWN,
        metric: str | None = None,
    ) -> Search:
        (tmp_path / name).mkdir(exist_ok=True)
        return Search(tmp_path / name, space, storage, sampler, 0, metric)

    return opened


def outcome(number: int, metrics: dict[str, float] | None, status: Status = "completed") -> Outcome:
    result = None if metrics is None else Result(status, 1, metrics, {}, {}, {}, "stacked", Path())
    return Outcome(Job(number, [], {}), result)


def losses(values: Sequence[float], first: int = 0) -> list[Outcome]:
    return [outcome(number, {"train/loss": value}) for number, value in enumerate(values, first)]


def told(search: Search) -> list[tuple[str, float | None]]:
    return [(trial.state.name, trial.value) for trial in search.study.trials]


def test_the_study_is_a_file_that_optuna_opens(search: Study, tmp_path: Path) -> None:
    one = search(
        space={"lr": Reals(0.1, 0.5, step=0.2), "width": Integers(2, 8, step=3), "act": Choices((1, "a"), ("1", "a"))}
    )
    points = one.ask(0, 3)
    one.tell(losses([3.0, 1.0, 2.0]))
    study = optuna.load_study(study_name="sweep", storage=f"sqlite:///{tmp_path}/sweep/study.db")
    assert [trial.params for trial in study.trials] == points
    assert study.best_value == 1.0
    assert study.best_trial.user_attrs == {"job": "sweep/1"}
    assert all(point["width"] in (2, 5, 8) and point["act"] in (1, "a") for point in points)


def test_a_diverged_job_is_worth_infinity_and_one_that_broke_down_failed(search: Study) -> None:
    one = search()
    one.ask(0, 4)
    nan = {"train/loss": math.nan}
    one.tell([outcome(0, nan, "diverged"), outcome(1, None), outcome(2, nan), *losses([0.5], 3)])
    assert told(one) == [("COMPLETE", math.inf), ("FAIL", None), ("COMPLETE", math.inf), ("COMPLETE", 0.5)]


def ends_at(points: Sequence[dict[str, Any]], first: int) -> list[Outcome]:
    """A loss that is lowest at a rate of 0.03; above 0.1 every run diverges."""
    return [
        outcome(number, {"train/loss": math.log10(lr / 0.03) ** 2}, "diverged" if lr > 0.1 else "completed")
        for number, lr in enumerate((point["lr"] for point in points), first)
    ]


def test_a_search_learns_where_the_best_rate_is(search: Study) -> None:
    one = search(sampler="tpe", storage=MEMORY)
    for first in range(0, 40, 10):
        one.tell(ends_at(one.ask(first, 10), first))
    near = [0.01 < trial.params["lr"] < 0.09 for trial in one.study.trials]  # of uniform draws one in four
    assert sum(near[20:]) >= 10


def test_a_gaussian_process_takes_jobs_that_diverged(search: Study) -> None:
    one = search(sampler="gp", storage=MEMORY)
    points = one.ask(0, 10)
    assert max(point["lr"] for point in points) > 0.1
    one.tell(ends_at(points, 0))
    one.tell(ends_at(one.ask(10, 2), 10))
    assert [state for state, _ in told(one)] == ["COMPLETE"] * 12


def test_the_metric_is_the_validation_loss_where_there_is_one_or_what_is_asked_for(search: Study) -> None:
    metrics = {"train/loss": 1.0, "val/loss": 2.0, "val/mse": 3.0}
    for name, metric, value in (("default", None, 2.0), ("asked", "val/mse", 3.0)):
        one = search(name, metric=metric)
        one.ask(0, 1)
        one.tell([outcome(0, metrics)])
        assert told(one) == [("COMPLETE", value)]
    one = search("missing", metric="val/mes")
    one.ask(0, 1)
    with pytest.raises(InputError, match=r"metric: val/mes: there is no such metric; did you mean val/mse"):
        one.tell([outcome(0, metrics)])


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_search_taken_up_again_asks_what_it_would_have_asked(search: Study, sampler: Sampler) -> None:
    def asked(one: Search, first: int) -> list[dict[str, Any]]:
        points = one.ask(first, 6)
        one.tell(losses([abs(math.log10(point["lr"]) + 2) for point in points], first))
        return points

    whole = search("whole", sampler=sampler, storage=MEMORY)
    expected = [asked(whole, first) for first in (0, 6, 12)]
    assert expected[0] != expected[1]
    assert [asked(search("cut", sampler=sampler), first) for first in (0, 6, 12)] == expected


def test_jobs_that_were_running_when_it_was_killed_are_known_and_open(search: Study) -> None:
    points = search().ask(0, 3)
    again = search()
    again.tell(losses([1.0]))
    assert again.points(3) == points
    assert again.is_open(3)
    again.tell(losses([1.0, 2.0, 3.0]))
    assert told(again) == [("COMPLETE", 1.0), ("COMPLETE", 2.0), ("COMPLETE", 3.0)]
    assert not again.is_open(3)


def test_points_that_were_asked_for_but_never_noted_are_forgotten(search: Study) -> None:
    one = search()
    one.ask(0, 2)
    points = one.ask(0, 2)
    one.tell(losses([1.0, 2.0]))
    assert one.points(2) == points
    assert [trial.value for trial in one.study.trials] == [None, None, 1.0, 2.0]


def test_a_job_that_broke_down_is_another_trial_of_the_same_point_when_it_is_run_again(search: Study) -> None:
    one = search()
    points = one.ask(0, 2)
    one.tell([outcome(0, None), *losses([1.0], 1)])
    assert one.is_open(2)
    one.tell(losses([3.0, 1.0]))
    assert told(one) == [("FAIL", None), ("COMPLETE", 1.0), ("COMPLETE", 3.0)]
    assert one.study.trials[2].params == points[0]
    assert not one.is_open(2)


def test_a_shared_study_is_gone_on_with_and_keeps_the_sweeps_apart(search: Study, tmp_path: Path) -> None:
    shared = Storage(f"sqlite:///{tmp_path}/all.db", "rates")
    first, second = search("first", storage=shared), search("second", storage=shared)
    mine, yours = first.ask(0, 2), second.ask(0, 2)
    assert mine != yours
    first.tell(losses([1.0, 2.0]))
    second.tell(losses([3.0, 4.0]))
    assert (first.points(2), second.points(2)) == (mine, yours)
    assert [trial.value for trial in second.study.trials] == [1.0, 2.0, 3.0, 4.0]


def test_another_space_is_refused_by_the_key(search: Study) -> None:
    search().ask(0, 1)
    with pytest.raises(InputError, match="resume: the search was launched with lr from FloatDistribution"):
        search(space={"lr": Reals(1e-3, 1.0, log=True)}).points(1)
    with pytest.raises(InputError, match="lr: the study sweep has it from FloatDistribution"):
        search(space={"lr": Choices((1, 2), ("1", "2"))})


def test_a_study_without_the_sweeps_jobs_is_refused(search: Study) -> None:
    search().ask(0, 1)
    with pytest.raises(InputError, match="resume: the study sweep has no trial of job 1"):
        search().points(2)


def test_a_study_of_another_kind_is_refused(search: Study, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/other.db"
    optuna.create_study(storage=url, study_name="up", direction="maximize")
    with pytest.raises(InputError, match="expected a study that minimises one value, got up"):
        search(storage=Storage(url, "up"))


def test_a_trial_in_the_making_counts_as_running(search: Study) -> None:
    one = search()
    one.ask(0, 1)
    assert [trial.state for trial in one.study.trials] == [TrialState.RUNNING]
