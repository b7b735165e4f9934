"""The tables of a sweep: rows, groups, intervals."""

import csv
import math
from pathlib import Path

import pytest
from scipy import stats

from descentlab.runs.result import Result, Status
from descentlab.sweeps.compose import Job
from descentlab.sweeps.table import Outcome, best_of, summary_rows, sweep_rows, write_table


def outcome(
    number: int,
    overrides: list[str],
    loss: float,
    status: Status = "completed",
    fails_above: float | None = None,
) -> Outcome:
    metrics = {"train/loss": loss, "train/mse": loss, "val/loss": loss + 1}
    result = Result(
        status=status,
        num_steps=10,
        metrics=metrics,
        coefficients={"w0": loss},
        true_coefficients={},
        seconds={},
        engine="stacked",
        folder=Path("sweep") / str(number),
    )
    return Outcome(Job(number, overrides, {"sweep": {"fails_above": fails_above}}), result)


def test_a_row_holds_the_job_its_overrides_metrics_coefficients_and_folder() -> None:
    (row,) = sweep_rows([outcome(3, ["optimizer.lr=0.1", "seed=2"], 0.5)], Path("sweep"))
    assert row == {
        "job": 3,
        "status": "completed",
        "num_steps": 10,
        "optimizer.lr": "0.1",
        "seed": "2",
        "train/loss": 0.5,
        "train/mse": 0.5,
        "val/loss": 1.5,
        "w0": 0.5,
        "folder": "3",
    }


def test_a_job_that_broke_down_has_a_row_without_metrics() -> None:
    (row,) = sweep_rows([Outcome(Job(0, ["seed=1"], {}), None)], Path("sweep"))
    assert row == {"job": 0, "status": "failed", "num_steps": None, "seed": "1"}


def test_the_summary_groups_over_everything_but_the_seeds_and_folds() -> None:
    outcomes = [
        outcome(k, [f"optimizer.lr={k % 2}", f"seed={k}", f"data.seed={k}", f"data.fold={k}"], float(k))
        for k in range(6)
    ]
    rows = summary_rows(outcomes)
    assert [(row["optimizer.lr"], row["count"]) for row in rows] == [("0", 3), ("1", 3)]


def test_the_summary_has_the_statistics_of_scipy() -> None:
    losses = [0.5, 0.7, 1.1, 0.4]
    (row,) = summary_rows([outcome(k, [f"seed={k}"], loss) for k, loss in enumerate(losses)])
    low, high = stats.t.interval(0.95, len(losses) - 1, loc=stats.tmean(losses), scale=stats.sem(losses))
    assert row["train/loss mean"] == pytest.approx(stats.tmean(losses), rel=1e-12)
    assert row["train/loss std"] == pytest.approx(stats.tstd(losses), rel=1e-12)
    assert row["train/loss median"] == pytest.approx(0.6, rel=1e-12)
    assert (row["train/loss low"], row["train/loss high"]) == pytest.approx((low, high), rel=1e-9)


def test_diverged_jobs_count_as_failures_and_leave_the_mean_alone() -> None:
    outcomes = [outcome(0, ["seed=0"], 0.5), outcome(1, ["seed=1"], math.inf, "diverged")]
    (row,) = summary_rows(outcomes)
    assert (row["count"], row["failures"], row["train/loss mean"]) == (2, 1, 0.5)


def test_what_a_diverged_job_ends_with_is_left_out_where_it_is_finite_too() -> None:
    outcomes = [outcome(0, ["seed=0"], 0.5), outcome(1, ["seed=1"], 3e36, "diverged")]
    (row,) = summary_rows(outcomes)
    assert (row["train/loss mean"], row["val/loss mean"]) == (0.5, 1.5)


def test_a_group_whose_jobs_all_diverged_has_no_statistics() -> None:
    (row,) = summary_rows([outcome(k, [f"seed={k}"], 3e36, "diverged") for k in range(2)])
    assert row["failure_rate"] == 1
    assert (row["train/loss median"], row["val/loss median"]) == (None, None)


def test_a_bound_on_the_error_counts_poor_fits_as_failures() -> None:
    outcomes = [outcome(k, [f"seed={k}"], loss, fails_above=0.2) for k, loss in enumerate((0.1, 0.3, 0.5))]
    assert summary_rows(outcomes)[0]["failures"] == 2


def test_each_job_is_held_to_the_bound_of_its_own_settings() -> None:
    bounds = (None, 0.18, 0.4)
    outcomes = [outcome(k, [f"experiment={k}"], 0.3, fails_above=bound) for k, bound in enumerate(bounds)]
    assert {row["experiment"]: row["failures"] for row in summary_rows(outcomes)} == {"0": 0, "1": 1, "2": 0}


def test_the_best_group_comes_first() -> None:
    outcomes = [outcome(0, ["optimizer.lr=1"], 3.0), outcome(1, ["optimizer.lr=2"], 1.0)]
    assert [row["optimizer.lr"] for row in summary_rows(outcomes)] == ["2", "1"]


def test_the_best_job_is_a_completed_one_with_the_lowest_validation_loss() -> None:
    outcomes = [outcome(0, [], 3.0), outcome(1, [], 1.0), outcome(2, [], 0.5, "diverged")]
    best = best_of(outcomes)
    assert best is not None
    assert best.job.number == 1


def test_a_table_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    write_table(tmp_path / "sweep.csv", [{"job": 0, "folder": "0"}, {"job": 1, "name": "a,b", "folder": "1"}])
    with open(tmp_path / "sweep.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{"job": "0", "name": "", "folder": "0"}, {"job": "1", "name": "a,b", "folder": "1"}]
