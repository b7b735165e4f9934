"""The sentences at the top of a report."""

import re

import pytest
from made_up import job, study

from descentlab.functional.intervals import wilson_interval
from descentlab.reports.html.chart import percent
from descentlab.reports.html.headlines import headlines
from descentlab.reports.html.stability import stability_limits
from descentlab.reports.html.tables import summary_html
from descentlab.reports.study import read_study


def plain(sentences: list[str]) -> list[str]:
    return [sentence.replace("\u00a0", " ") for sentence in sentences]


def test_over_starts_the_first_sentence_is_how_often_they_fail():
    jobs = [job(str(k), 1.0 if k < 517 else 0.1, **{"model.seed": k}) for k in range(1000)]
    first, *_ = plain(headlines(study(jobs, fails_above=0.18), {}))
    assert first == (
        "517 of 1000 starts failed, 51.7 % (95 % interval 48.6 % to 54.8 %); "
        "all of these ended with a training MSE above 0.18."
    )


def test_beside_those_that_diverged_the_others_that_failed_are_told_by_their_bound():
    jobs = [job(str(k), 1.0 if k < 5 else 0.1, "diverged" if k < 2 else "completed", seed=k) for k in range(10)]
    first, *_ = plain(headlines(study(jobs, fails_above=0.18), {}))
    assert first.endswith("; 2 of them diverged, 3 of them ended with a training MSE above 0.18.")


def test_that_none_failed_is_told_with_the_bound():
    jobs = [job(str(k), 0.1, seed=k) for k in range(3)]
    first, *_ = headlines(study(jobs, fails_above=0.18), {})
    assert first == "None of the 3 seeds failed: none ended with a training MSE above 0.18."


def test_each_job_is_held_to_the_bound_of_its_own_sweep():
    jobs = [job(str(k), 0.3, seed=k) for k in range(4)]
    for each, bound in zip(jobs, (0.2, 0.2, 0.5, None), strict=True):
        each.settings["sweep"]["fails_above"] = bound
    first, *_ = plain(headlines(study(jobs), {}))
    assert first.startswith("2 of 4 seeds failed, 50.0 %")
    assert first.endswith("; all of these ended with a training MSE above their own sweep.fails_above.")


def test_of_many_values_some_are_told_and_the_first_and_the_last_among_them():
    jobs = [
        job(f"{width}/{seed}", 1.0 if seed < 20 - width else 0.1, **{"model.hidden_width": width, "model.seed": seed})
        for width in range(21)
        for seed in range(20)
    ]
    (told,) = [line for line in plain(headlines(study(jobs, fails_above=0.5), {})) if line.startswith("Failures fall")]
    rates = told.removesuffix(".").partition(": ")[2].split(", ")
    assert len(rates) < 21
    assert (rates[0], rates[-1]) == ("100 % at 0", "0 % at 20")
    for each in rates:
        rate, _, width = each.partition(" % at ")
        assert float(rate) == 100 - 5 * int(width)


def test_a_limit_above_every_rate_is_said_to_be():
    jobs = [job(str(k), 0.1, seed=k) for k in range(3)]
    assert "The stability limit 2/λmax is 0.3, above every learning rate." in plain(
        headlines(study(jobs), dict.fromkeys(range(3), 0.3))
    )


def test_how_failures_fall_with_the_width():
    jobs = [
        job(f"{width}/{seed}", 1.0 if seed < failures else 0.1, **{"model.hidden_width": width, "model.seed": seed})
        for width, failures in ((1, 20), (2, 10), (8, 1))
        for seed in range(20)
    ]
    assert "Failures fall as hidden_width grows: 100 % at 1, 50.0 % at 2, 5.0 % at 8." in plain(
        headlines(study(jobs, fails_above=0.5), {})
    )


def test_at_which_rate_draws_start_to_diverge_beside_the_limit():
    rates = ((0.05, 0), (0.1, 2), (0.2, 4))
    jobs = [
        job(f"{rate}/{k}", 1.0, "diverged" if k < failures else "completed", **{"optimizer.lr": rate, "seed": k})
        for rate, failures in rates
        for k in range(4)
    ]
    limits = {k: [0.08, 0.09, 0.11, 0.15][k % 4] for k in range(12)}
    sentences = plain(headlines(study(jobs), limits))
    assert "Failures rise as lr grows: 0 % at 0.05, 50.0 % at 0.1, 100 % at 0.2. They start at lr 0.1." in sentences
    assert (
        "The stability limit 2/λmax takes 4 values between 0.08 and 0.15, median 0.1. It lies below the learning "
        "rate of 6 of 12 jobs, and all 6 that diverged are among these."
    ) in sentences


def test_which_rate_is_best():
    losses = {0.001: 0.3, 0.01: 1e-5, 0.1: 1e-9, 0.2: float("nan")}
    jobs = [
        job(str(rate), loss, "completed" if loss == loss else "diverged", **{"optimizer.lr": rate})
        for rate, loss in losses.items()
    ]
    sentences = plain(headlines(study(jobs), {}))
    assert "Failed at lr 0.2; the other 3 values did not fail." in sentences
    assert "The best lr by final val/loss is 0.1 (1e-09); next 0.01 (1e-05); last 0.001 (0.3)." in sentences


def test_the_best_value_is_the_first_row_of_the_summary():
    ends = {0.01: [0.4, 0.4, 0.4], 0.1: [0.2, 0.3, 9.0], 1.0: [0.1, 0.5, 0.6]}
    jobs = [
        job(f"{rate}/{seed}", loss, "diverged" if loss == 9.0 else "completed", **{"optimizer.lr": rate, "seed": seed})
        for rate, losses in ends.items()
        for seed, loss in enumerate(losses)
    ]
    table = summary_html(study(jobs))
    assert re.findall(r'<tr><td data-value="([^"]+)"', table) == ["0.1", "0.01", "1.0"]
    assert (
        "The best lr by median val/loss is 0.1 (0.25, 33.3 % failed); next 0.01 (0.4, 0 % failed); "
        "last 1 (0.5, 0 % failed)."
    ) in plain(headlines(study(jobs), {}))


def test_of_several_settings_the_best_together_are_named():
    jobs = [
        job(f"{rate}/{width}/{seed}", rate * width, **{"optimizer.lr": rate, "model.hidden_width": width, "seed": seed})
        for rate in (0.1, 0.2)
        for width in (1, 2)
        for seed in range(2)
    ]
    assert (
        "The best settings by median val/loss are lr 0.1, hidden_width 1 (0.1, 0 % failed); "
        "next lr 0.1, hidden_width 2 (0.2, 0 % failed); last lr 0.2, hidden_width 2 (0.4, 0 % failed)."
    ) in plain(headlines(study(jobs), {}))


def test_that_nothing_failed_is_said_too():
    jobs = [job(str(k), 0.1, seed=k) for k in range(3)]
    assert headlines(study(jobs), {})[0] == "None of the 3 seeds failed."


def test_a_lone_run_is_told_with_its_metrics():
    assert headlines(study([job("0", 0.25)]), {}) == [
        "The run completed 10 updates: train/loss 0.25, train/mse 0.25, val/loss 0.25."
    ]


def test_the_limit_is_that_of_the_draw_of_each_job(cubic_sweep):
    read = read_study([cubic_sweep], [])
    limits = stability_limits(read)
    assert len(limits) == 24
    by_seed = [{limits[k] for k, each in enumerate(read.jobs) if each.values["seed"] == seed} for seed in range(8)]
    assert all(len(found) == 1 for found in by_seed)
    far = [k for k, each in enumerate(read.jobs) if abs(each.settings["optimizer"]["lr"] / limits[k] - 1) > 0.1]
    assert len(far) > 12
    for k in far:
        diverges = read.jobs[k].settings["optimizer"]["lr"] > limits[k]
        assert (read.jobs[k].status == "diverged") == diverges


def test_the_limit_of_lesson_4a_is_the_printed_one(trained):
    run = trained("experiment=cubic", "trainer.max_steps=1", "logger=none", "callbacks=none")
    (limit,) = stability_limits(read_study([], [run.folder])).values()
    assert f"{limit:.4f}" == "0.1011"


@pytest.mark.parametrize("override", ["optimizer=adam", "optimizer=momentum", "loss=mae", "data.batch_size=10"])
def test_where_the_limit_is_not_exact_there_is_none(trained, override):
    run = trained("experiment=cubic", override, "trainer.max_steps=1", "logger=none", "callbacks=none")
    assert stability_limits(read_study([], [run.folder])) == {}


@pytest.mark.parametrize(("rate", "text"), [(0.0, "0 %"), (1.0, "100 %"), (0.014, "1.4 %")])
def test_a_rate_is_in_percent(rate, text):
    assert percent(rate).replace("\u00a0", " ") == text


def test_the_interval_of_the_sentence_is_that_of_the_summary():
    low, high = wilson_interval(517, 1000)
    assert (percent(low), percent(high)) == ("48.6\u00a0%", "54.8\u00a0%")
