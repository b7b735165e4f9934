"""Lesson 2, the regression from PyTorch's parts: two parameterisations, histories, two features."""

import torch

from descentlab.functional.descent import descent_path
from descentlab.functional.least_squares import least_squares
from descentlab.functional.stability import hessian


def line() -> tuple[torch.Tensor, torch.Tensor]:
    """x and y, drawn as the lesson says it."""
    torch.manual_seed(202150754)
    x = torch.randn(100, 1).sort(dim=0).values
    return x, 2.5 + 4 * x + torch.randn(100, 1) * 0.4


def plane() -> tuple[torch.Tensor, torch.Tensor]:
    """X of the columns 1, x1, x2, and y, drawn as lesson 2d says it."""
    torch.manual_seed(202150754)
    x1 = torch.randn(100, 1).sort(dim=0).values
    x2 = torch.randn(100, 1).sort(dim=0).values
    noise = torch.randn(100, 1) * 0.5
    return torch.cat([torch.ones(100, 1), x1, x2], dim=1), 2.5 + 4 * x1 - 2 * x2 + noise


def test_the_two_parameterisations_agree_at_every_step(trained):
    column, bias = trained("experiment=line_two_inputs"), trained("experiment=line_with_bias")  # 2a
    assert len(column.rows) == len(bias.rows) == 31
    torch.testing.assert_close(column.coefficients(), bias.coefficients())
    torch.testing.assert_close(column.column("train/loss"), bias.column("train/loss"))


def test_both_histories_name_the_intercept_and_the_slope_alike(trained):
    column, bias = trained("experiment=line_two_inputs"), trained("experiment=line_with_bias")  # 2a
    assert list(column.rows[0]) == list(bias.rows[0])
    assert [float(bias.rows[0][name]) for name in ("w0", "w1")] == [-5.0, 10.0]
    assert [float(column.rows[0][name]) for name in ("w0", "w1")] == [-5.0, 10.0]


def test_the_first_loss_is_the_right_value_of_the_shape_trap(trained):
    x, y = line()
    right = ((-5 + 10 * x - y) ** 2).mean()  # 2b: not the 187.0950 of 100 x 100 differences
    torch.testing.assert_close(trained("experiment=line_with_bias").column("train/loss")[0], right)


def test_each_row_holds_the_parameters_that_its_loss_was_computed_at(trained):
    run = trained("experiment=line_with_bias")  # 2c
    x, y = line()
    predictions = run.coefficients()[:, :1] + run.coefficients()[:, 1:] * x[:, 0]  # (row, sample)
    losses = (predictions - y[:, 0]).square().mean(dim=1)
    torch.testing.assert_close(run.column("train/loss"), losses)


def test_a_plane_takes_the_path_of_the_closed_form(trained):
    run = trained("experiment=two_features")  # 2d
    design, target = plane()
    minimum = least_squares(design, target).coefficients
    start = torch.tensor([2.5, 5.0, -2.0])
    path = descent_path(hessian(design, "mse"), minimum, start, lr=0.1, num_steps=1000)
    torch.testing.assert_close(run.coefficients(), path.float(), rtol=1e-4, atol=1e-4)  # a thousand roundings


def test_a_plane_ends_as_near_to_least_squares_as_theory_says(trained):
    losses = trained("experiment=two_features").column("train/loss").double()  # 2d
    design, target = plane()
    least = least_squares(design, target).mse
    slowest = (1 - 0.1 * torch.linalg.eigvalsh(hessian(design, "mse"))).abs().max()
    rounding = 1e-6 * least
    assert least - rounding < losses[-1] < least + slowest**2000 * (losses[0] - least) + rounding
