"""What pictures are drawn from: held against the module, the history and closed forms."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from descentlab.modules.coefficients import flat_parameters
from descentlab.reports.retrace import CannotRetrace, nearest_rows, retrace, spread_steps
from descentlab.reports.subject import CannotDraw, Subject
from descentlab.settings.compose import compose

TABLE = ("data=table", "data.x=[1.0,2.0,4.0,5.0]", "data.y=[30.0,10.0,20.0,90.0]", "data.standardize=true")
KINDS = {
    "line": ("experiment=americano",),
    "cubic in other units": ("model=polynomial", *TABLE, "trainer.max_steps=20"),
    "line in other units": ("model=linear", *TABLE, "trainer.max_steps=20"),
    "net": ("experiment=kink_two_relu", "trainer.max_steps=20"),
    "net in other units": ("model=relu_net", "model.bias=true", *TABLE, "trainer.max_steps=20"),
    "two features": ("experiment=two_features", "trainer.max_steps=20"),
}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def subject(request, drawn) -> Subject:
    return drawn(*request.param)


def test_the_last_recorded_parameters_predict_what_the_module_predicts(subject):
    x = subject.points("train").x
    with torch.no_grad():
        expected = subject.module.predict(x)[:, 0].double()
    predicted = subject.predictions(subject.trajectory.columns[-1:], x)[0]
    torch.testing.assert_close(predicted, expected, rtol=1e-4, atol=1e-4)


def test_the_losses_of_the_recorded_parameters_are_those_of_the_history(subject):
    losses = subject.losses(subject.trajectory.columns)
    torch.testing.assert_close(losses, torch.from_numpy(subject.history["train/loss"]), rtol=1e-3, atol=1e-6)


def test_the_points_are_in_the_users_units(drawn):
    x, y = drawn(*KINDS["line in other units"]).points("train")
    torch.testing.assert_close(x[:, 0], torch.tensor([1.0, 2.0, 4.0, 5.0]))
    torch.testing.assert_close(y[:, 0], torch.tensor([30.0, 10.0, 20.0, 90.0]))


def test_a_second_training_goes_the_recorded_way(two_units):
    steps = [0, 1, 50, 200]
    again = retrace(two_units.settings, steps, two_units.module, 200)
    torch.testing.assert_close(again.columns.double(), two_units.columns_at(steps), rtol=1e-6, atol=1e-7)


def test_a_second_training_follows_the_schedule(drawn):
    run = drawn("experiment=kink_two_relu", "trainer.max_steps=60", "scheduler=step", "scheduler.step_size=20")
    again = retrace(run.settings, [0, 25, 60], run.module, 60)
    torch.testing.assert_close(again.columns.double(), run.columns_at([0, 25, 60]), rtol=1e-6, atol=1e-7)


def test_a_second_training_that_goes_another_way_is_refused(two_units):
    settings = {**two_units.settings, "optimizer": {**two_units.settings["optimizer"], "lr": 0.05}}
    with pytest.raises(CannotRetrace, match="a second training ends elsewhere"):
        retrace(settings, [0, 200], two_units.module, 200)


def test_a_model_too_large_to_be_recorded_is_trained_again(wide):
    assert wide.trajectory.steps[0] == 0
    assert wide.trajectory.steps[-1] == 30
    torch.testing.assert_close(wide.trajectory.columns[-1], flat_parameters(wide.module.net))


def test_what_would_take_too_long_is_not_trained_again(wide):
    impatient = replace(wide, patience=0.0)
    with pytest.raises(CannotDraw, match="to train it again would take"):
        _ = impatient.trajectory


def test_the_lowest_error_of_a_line_is_the_least_squares_optimum(line):
    x, y = (tensor.double() for tensor in line.points("train"))
    design = torch.cat([torch.ones_like(x), x], dim=1)
    residual = y - design @ torch.linalg.lstsq(design, y).solution
    assert line.lowest_error is not None
    assert line.lowest_error.name == "least squares optimum"
    assert line.lowest_error.value == pytest.approx(float(residual.square().sum()), rel=1e-9)


def test_the_lowest_error_of_a_net_is_the_noise_of_the_law(two_units):
    assert two_units.lowest_error is not None
    assert "noise floor" in two_units.lowest_error.name
    assert two_units.lowest_error.value == pytest.approx(0.09)


def test_an_untrained_model_has_no_trajectory():
    given = Subject.of_settings(compose(["model=linear", "model.initial_coefficients=[2.5,3.5]", "data=americano"]))
    assert given.fit_name == "given"
    with pytest.raises(CannotDraw, match="no step was made"):
        _ = given.trajectory


@pytest.mark.parametrize("num_steps", [0, 1, 5, 1000])
def test_steps_are_spread_from_the_first_to_the_last_and_denser_early(num_steps):
    steps = spread_steps(num_steps, most=20)
    assert (steps[0], steps[-1]) == (0, num_steps)
    assert len(steps) <= 20
    gaps = [later - earlier for earlier, later in pairwise(steps)]
    assert gaps == sorted(gaps)


def test_the_nearest_rows_hold_the_first_and_the_last():
    assert nearest_rows([0, 10, 20, 30], most=2) == [0, 3]
