"""Lesson 5, hours and scores: the printed epochs, the question, a given line, the learning rates."""

from pathlib import Path

import pytest
import torch
import yaml

from descentlab.functional.descent import descent_path
from descentlab.functional.stability import hessian, largest_eigenvalue, stability_limit
from descentlab.runs.judge import predict
from descentlab.settings.config_folders import config_folder

HOURS = torch.tensor([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])
TRUE = torch.tensor([0.0, 2.0])


def swept_rates() -> list[float]:
    """The learning rates that the sweep's own file lists."""
    file = Path(config_folder()) / "experiment" / "study_hours_rates.yaml"
    swept = yaml.safe_load(file.read_text())["hydra"]["sweeper"]["params"]["optimizer.lr"]
    return [float(rate) for rate in swept.split(",")]


LIMIT = stability_limit(largest_eigenvalue(hessian(HOURS, "mse")))


@pytest.mark.parametrize(
    ("epoch", "slope", "intercept", "cost"),
    [
        (0, "0.187", "0.080", "18.666666"),
        (100, "1.746", "0.578", "0.048171"),
        (1000, "1.971", "0.066", "0.000633"),
    ],
)
def test_the_printed_epochs_come_out(trained, epoch, slope, intercept, cost):
    rows = trained("experiment=study_hours").rows  # 5a: the cost before the update, W and b after it
    assert f"{float(rows[epoch]['train/loss']):.6f}" == cost
    assert f"{float(rows[epoch + 1]['w1']):.3f}" == slope
    assert f"{float(rows[epoch + 1]['w0']):.3f}" == intercept


def test_the_score_after_four_hours_is_about_eight(trained):
    (score,) = predict(trained("experiment=study_hours").folder, torch.tensor([[4.0]]))  # 5b
    end = descent_path(hessian(HOURS, "mse"), TRUE, torch.zeros(2), lr=0.01, num_steps=2000)[-1]
    assert f"{score:.1f}" == "8.0"
    assert score == pytest.approx(float(end[0] + 4 * end[1]), rel=1e-5)


def test_a_given_line_is_judged_by_its_mse(trained):
    by_hand = ((27 - 25) ** 2 + (40 - 50) ** 2 + (53 - 42) ** 2 + (66 - 61) ** 2) / 4  # 5c: 13 x + 1
    run = trained("experiment=given_line")
    assert run.result["metrics"]["train/loss"] == by_hand
    assert run.result["num_steps"] == 0


def test_a_rate_beyond_the_stability_limit_diverges_and_only_such_a_one(tables):
    jobs, _ = tables("experiment=study_hours_rates")  # 5d
    statuses = {float(job["optimizer.lr"]): job["status"] for job in jobs}
    assert statuses == {rate: "diverged" if rate > LIMIT else "completed" for rate in swept_rates()}


def test_the_best_of_the_swept_rates_lies_between_a_crawl_and_a_divergence(tables):
    _, summary = tables("experiment=study_hours_rates")  # 5d: best first
    crawl, best, beyond = min(swept_rates()), float(summary[0]["optimizer.lr"]), float(summary[-1]["optimizer.lr"])
    assert crawl < best < LIMIT < beyond == max(swept_rates())
    losses = {float(row["optimizer.lr"]): float(row["train/loss median"]) for row in summary[:-1]}
    assert losses[crawl] > 1e6 * losses[best]  # after 2000 steps it is still on its way
