"""Lesson 1, iced americano: the printed figures, from the command's overrides to the files of the run."""

import math
import re
from pathlib import Path

import pytest
import torch

from descentlab.functional.descent import descent_path
from descentlab.functional.gradients import autograd_gradient, forward_difference
from descentlab.functional.least_squares import least_squares
from descentlab.functional.stability import hessian
from descentlab.runs.assemble import assemble
from descentlab.runs.gradients import start_gradients
from descentlab.runs.judge import predict
from descentlab.settings.compose import compose

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"


def design_and_target() -> tuple[torch.Tensor, torch.Tensor]:
    """X with its column of ones, and y, drawn as the lesson says it."""
    torch.manual_seed(43052)
    x = torch.randn(100).sort().values
    noise = torch.randn(100) * 0.5
    return torch.stack([torch.ones(100), x], dim=1), (2.5 + 4 * x + noise).unsqueeze(1)


def test_the_experiment_trains_on_the_printed_points():
    data, _ = assemble(compose(["experiment=americano"]))
    x, y = data.stages()["train"]
    assert [f"{value:.4f}" for value in x[:5, 0]] == ["-2.4821", "-2.3621", "-1.9973", "-1.6239", "-1.4792"]
    assert [f"{value:.4f}" for value in y[:5, 0]] == ["-8.5420", "-6.5767", "-5.9496", "-4.4794", "-4.2516"]
    assert [f"{value:.4f}" for value in x[-4:, 0]] == ["2.3935", "2.6056", "2.6057", "2.6632"]
    assert [f"{value:.4f}" for value in y[-4:, 0]] == ["12.2665", "13.0983", "12.5468", "13.8340"]


@pytest.mark.parametrize(
    ("line", "sse"), [("-5,10", "8587.6875"), ("2.5,3.5", "55.0740"), ("2.3,3.5", "59.3805")], ids=str
)
def test_a_given_line_is_judged_without_training(trained, line, sse):
    run = trained("experiment=americano", "trainer.max_steps=0", f"model.initial_coefficients=[{line}]")  # 1a
    assert f"{run.result['metrics']['train/loss']:.4f}" == sse
    assert [f"{float(row['train/loss']):.4f}" for row in run.rows] == [sse]


def test_the_formula_gives_the_printed_gradient_at_the_start():
    gradients = start_gradients(compose(["experiment=americano"]))  # 1b
    assert gradients.analytic is not None
    assert [f"{value:.4f}" for value in gradients.analytic] == ["-1342.2524", "1188.9302"]


def test_autograd_and_the_forward_difference_agree_with_the_formula():
    gradients = start_gradients(compose(["experiment=americano"]))  # 1b
    torch.testing.assert_close(gradients.autograd, gradients.analytic)
    design, _ = design_and_target()
    curvature = hessian(design, "sse").diagonal()
    truncation = 0.001 / 2 * curvature.float()  # h / 2 times the second derivative
    rounding = 2 * torch.finfo(torch.float32).eps * 8587.6875 / 0.001  # of two losses, divided by h
    assert ((gradients.forward_difference - gradients.autograd - truncation).abs() < rounding).all()


def test_most_of_the_error_of_the_forward_difference_is_rounding():
    gradients = start_gradients(compose(["experiment=americano"]))  # 1b
    found = (gradients.forward_difference - gradients.autograd).tolist()
    (design, target), start = (each.double() for each in design_and_target()), torch.tensor([-5.0, 10.0]).double()

    def sse(line: torch.Tensor) -> torch.Tensor:
        return (target[:, 0] - design @ line).square().sum()

    finite = (forward_difference(sse, start, 0.001) - autograd_gradient(sse, start)).tolist()
    tutorial = " ".join(TUTORIAL.read_text(encoding="utf-8").split())
    assert f"which makes {finite[0]:.2f} and {finite[1]:.2f} of that;" in tutorial
    told = [float(each) for each in re.findall(r"is off by ([\d.]+) and ([\d.]+)\. ", tutorial)[0]]
    assert found == pytest.approx(told, abs=1.0)  # the last bit of a loss of 8587, over the step: on other machines


def test_one_update_goes_to_the_printed_line(trained):
    first = trained("experiment=americano").rows[1]  # 1c
    assert [f"{float(first[name]):.4f}" for name in ("w0", "w1")] == ["-3.6577", "8.8111"]


def test_thirty_updates_take_the_path_of_the_closed_form(trained):
    run = trained("experiment=americano")  # 1d
    design, target = design_and_target()
    minimum = least_squares(design, target).coefficients
    start = torch.tensor([-5.0, 10.0])
    path = descent_path(hessian(design, "sse"), minimum, start, lr=0.001, num_steps=30)
    torch.testing.assert_close(run.coefficients(), path.float(), rtol=1e-5, atol=1e-5)  # thirty roundings of 1e-6


def test_thirty_updates_leave_of_the_way_to_least_squares_what_theory_allows(trained):
    run = trained("experiment=americano")  # 1d
    design, target = design_and_target()
    least = least_squares(design, target).sse
    slowest = (1 - 0.001 * torch.linalg.eigvalsh(hessian(design, "sse"))).abs().max()
    losses = run.column("train/loss").double()
    assert least < losses[-1] < least + slowest**60 * (losses[0] - least) + 1e-3


def test_the_trained_line_answers_the_lessons_question(trained):
    answer = predict(trained("experiment=americano").folder, torch.tensor([[0.5]]))[0]
    design, _ = design_and_target()
    at = torch.tensor([1.0, 0.5])
    standard_error = 0.5 * math.sqrt(at @ torch.linalg.inv(design.T @ design) @ at)
    assert abs(answer - 4.5) < 3 * standard_error  # the true answer, as near as 100 noisy points tell


def test_gradients_never_cleared_do_not_converge(trained):
    run = trained("experiment=americano_uncleared")  # 1e
    assert run.result["num_steps"] == 30
    assert 1000 < run.result["metrics"]["train/loss"] < 10_000  # still in the thousands


def test_gradients_never_cleared_are_the_bits_of_a_loop_without_zero_grad(trained):
    run = trained("experiment=americano_uncleared")  # 1e
    design, target = design_and_target()
    layer = torch.nn.Linear(1, 1)
    with torch.no_grad():
        layer.bias.fill_(-5.0)
        layer.weight.fill_(10.0)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.001)
    rows = []
    for _ in range(31):
        loss = torch.nn.functional.mse_loss(layer(design[:, 1:]), target, reduction="sum")
        rows.append([layer.bias.item(), layer.weight.item(), loss.item()])
        loss.backward()
        optimizer.step()
    found = torch.cat([run.coefficients(), run.column("train/loss")[:, None]], dim=1)
    assert torch.equal(found, torch.tensor(rows))
