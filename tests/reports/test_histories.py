"""Histories of many jobs on steps that they share."""

from pathlib import Path

import numpy as np
import pytest

from descentlab.reports.histories import loss_quantiles, read_histories


def job(folder: Path, name: str, steps: list[int], losses: list[float], extra: str = "") -> Path:
    """A folder with a history of these rows."""
    (folder / name).mkdir()
    header = "step,train/loss,val/loss" + (f",{extra}" if extra else "")
    rows = [f"{step},{loss!r}," + (f",{10 * step}" if extra else "") for step, loss in zip(steps, losses, strict=True)]
    (folder / name / "history.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder / name


def test_few_rows_are_all_kept(tmp_path):
    read = read_histories([job(tmp_path, "0", [0, 1, 2], [4.0, 2.0, 1.0], "w0")], ["completed"])
    assert read.steps.tolist() == [0, 1, 2]
    assert read.losses.tolist() == [[4.0, 2.0, 1.0]]
    assert (read.names, read.parameters[0, :, 0].tolist()) == (["w0"], [0.0, 10.0, 20.0])


def test_of_many_rows_the_first_and_the_last_are_kept_and_every_value_is_of_its_step(tmp_path):
    steps = list(range(5001))
    read = read_histories([job(tmp_path, "0", steps, [1.0 + step for step in steps])], ["completed"], 64)
    assert (read.steps[0], read.steps[-1]) == (0, 5000)
    assert 32 < len(read.steps) <= 64
    assert read.num_recorded == 5001
    assert np.array_equal(read.losses[0], 1 + read.steps)


@pytest.mark.parametrize("count", [5001, 31 * 162 + 1])
def test_a_loss_that_alternates_is_seen_to_alternate_all_along(tmp_path, count):
    steps = list(range(count))
    read = read_histories([job(tmp_path, "0", steps, [1.0 + step % 2 for step in steps])], ["completed"], 64)
    tenths = read.steps * 10 // count
    assert all(set(read.losses[0, tenths == tenth]) == {1.0, 2.0} for tenth in range(10))


def test_a_job_that_diverged_stays_at_infinity(tmp_path):
    folders = [
        job(tmp_path, "0", [0, 1, 2, 3], [1.0, 1.0, 1.0, 1.0]),
        job(tmp_path, "1", [0, 1], [1.0, 50.0]),
    ]
    read = read_histories(folders, ["completed", "diverged"])
    assert read.losses[1].tolist() == [1.0, 50.0, np.inf, np.inf]


def test_a_job_of_fewer_steps_ends_where_it_ends(tmp_path):
    folders = [job(tmp_path, "0", [0, 1, 2, 3], [1.0] * 4), job(tmp_path, "1", [0, 1], [1.0, 0.5])]
    read = read_histories(folders, ["completed", "completed"])
    assert read.losses[1, :2].tolist() == [1.0, 0.5]
    assert np.isnan(read.losses[1, 2:]).all()


def test_a_job_recorded_at_other_steps_is_read_at_the_last_of_its_own_by_then(tmp_path):
    folders = [
        job(tmp_path, "0", [0, 1, 2, 3, 4, 5], [1.0] * 6),
        job(tmp_path, "1", [0, 2, 4], [8.0, 4.0, 2.0]),
    ]
    read = read_histories(folders, ["completed", "completed"])
    assert read.losses[1, :5].tolist() == [8.0, 8.0, 4.0, 4.0, 2.0]
    assert np.isnan(read.losses[1, 5])


def test_a_job_without_a_history_is_nan(tmp_path):
    folders = [job(tmp_path, "0", [0, 1], [1.0, 2.0]), tmp_path / "gone"]
    assert np.isnan(read_histories(folders, ["completed", "failed"]).losses[1]).all()


def test_without_any_history_there_is_no_row(tmp_path):
    assert read_histories([tmp_path / "gone"], ["failed"]).losses.shape == (1, 0)


def test_parameters_of_models_that_differ_are_left_out(tmp_path):
    folders = [job(tmp_path, "0", [0, 1], [1.0, 2.0], "w0"), job(tmp_path, "1", [0, 1], [1.0, 2.0], "w1")]
    assert read_histories(folders, ["completed"] * 2).names == []


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5, 0.95])
def test_quantiles_are_numpys_of_the_inverted_distribution_function(share):
    losses = np.random.default_rng(0).lognormal(size=(37, 5)).astype(np.float32)
    theirs = np.quantile(losses.astype(np.float64), share, axis=0, method="inverted_cdf")
    assert np.array_equal(loss_quantiles(losses, [share])[0], theirs)


def test_quantiles_bear_members_at_infinity_and_members_that_have_ended():
    losses = np.array([[1, 1], [2, np.nan], [np.inf, np.inf]], dtype=np.float32)
    assert loss_quantiles(losses, [0.5, 0.95]).tolist() == [[2, 1], [np.inf, np.inf]]
