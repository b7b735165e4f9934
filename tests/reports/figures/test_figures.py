"""The figures by what is in them: artists, data, labels."""

from contextlib import suppress

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from descentlab.reports.figures.animation import Film, animate
from descentlab.reports.figures.catalogue import FIGURES, draw
from descentlab.reports.figures.landscape import landscape_figure, plane_of
from descentlab.reports.figures.style import styled
from descentlab.reports.figures.units import units_figure, units_of
from descentlab.reports.subject import CannotDraw, Subject
from descentlab.settings.compose import compose


def line_named(axes: Axes, name: str) -> Line2D:
    (line,) = [line for line in axes.lines if line.get_label() == name]
    return line


def legend_of(figure: Figure) -> set[str]:
    return {text.get_text() for legend in figure.legends for text in legend.get_texts()}


def test_the_fit_is_the_models_curve_beside_the_law_and_the_points(two_units):
    figure = FIGURES["fit"](two_units)
    axes = figure.axes[0]
    x, y = line_named(axes, "fit").get_data()
    with torch.no_grad():
        np.testing.assert_allclose(y, two_units.module.predict(torch.as_tensor(x)[:, None])[:, 0])
    x, law = line_named(axes, "true law").get_data()
    np.testing.assert_allclose(law, np.where(np.asarray(x) < 0, x, 3.5 * np.asarray(x)), rtol=1e-6)
    drawn = {points.get_label(): points.get_offsets() for points in axes.collections}
    np.testing.assert_allclose(drawn["training points"], torch.cat(two_units.points("train"), dim=1))
    assert legend_of(figure) == {"training points", "validation points", "true law", "fit"}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "y")


def test_a_fit_that_diverged_leaves_the_picture_to_the_points(drawn):
    subject = drawn("experiment=cubic", "optimizer.lr=0.2")
    axes = FIGURES["fit"](subject).axes[0]
    assert "diverged" in axes.get_title()
    y = torch.cat([subject.points(stage).y for stage in ("train", "val")])
    height = float(y.max() - y.min())
    bottom, top = axes.get_ylim()
    assert top - bottom <= 4.01 * height


def test_several_features_are_drawn_as_prediction_against_target(drawn):
    axes = FIGURES["fit"](drawn("experiment=two_features", "trainer.max_steps=20")).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("target y", "prediction")


def test_the_losses_are_those_of_the_history_on_a_logarithmic_axis(line):
    figure = FIGURES["loss"](line)
    axes = figure.axes[0]
    steps, losses = line_named(axes, "training").get_data()
    np.testing.assert_array_equal(steps, line.history["step"])
    np.testing.assert_array_equal(losses, line.history["train/loss"])
    assert axes.get_yscale() == "log"
    lowest = line_named(axes, "least squares optimum: 26.36")
    assert set(lowest.get_ydata()) == {line.lowest_error.value}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "sse")


def test_a_lowest_error_of_zero_is_named_and_not_drawn(drawn):
    figure = FIGURES["loss"](drawn("experiment=one_weight_overshoot"))
    assert any("least squares optimum" in name and "below the picture" in name for name in legend_of(figure))


def test_the_first_update_of_the_lesson_has_its_numbers(line):
    axes = FIGURES["first_update"](line).axes[0]
    for name, (intercept, slope) in {
        "before the first update": (-5, 10),
        "after it": (-3.6577, 8.8111),
    }.items():
        x, y = (np.asarray(values) for values in line_named(axes, name).get_data())
        np.testing.assert_allclose(y, intercept + slope * x, atol=4e-4)
    assert axes.get_title() == "sse 8587.7 before, 5675.2 after"


def test_the_path_of_two_coefficients_is_drawn_as_it_is(line):
    figure = landscape_figure(line)
    axes = figure.axes[0]
    path = np.stack(line_named(axes, "path").get_data(), axis=1)
    np.testing.assert_allclose(path, np.stack([line.history["w0"], line.history["w1"]], axis=1))
    least = np.array([float(value[0]) for value in line_named(axes, "least squares").get_data()])
    np.testing.assert_allclose(least, line.optimum)
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("w0", "w1", "")
    assert figure.axes[1].get_ylabel() == "training sse"


def test_the_plane_of_more_parameters_is_that_of_the_singular_value_decomposition():
    generator = torch.Generator().manual_seed(0)
    path = torch.randn(30, 5, generator=generator).double() * torch.tensor([5.0, 3.0, 1.0, 0.5, 0.1])
    plane = plane_of(path, list("abcde"))
    variance, vectors = torch.linalg.eigh(torch.cov(path.T))
    assert plane.explained == pytest.approx(float(variance[-2:].sum() / variance.sum()))
    torch.testing.assert_close((plane.directions @ vectors[:, -2:]).abs(), torch.eye(2).double().flip(1))
    torch.testing.assert_close(plane.columns(plane.coordinates(path[-1:])), path[-1:])


def test_the_plane_says_how_much_of_the_path_it_holds(two_units):
    axes = landscape_figure(two_units).axes[0]
    assert axes.get_title().startswith("the plane holds 9")
    assert axes.get_xlabel() == "first principal direction"


def test_the_landscape_of_one_weight_is_the_loss_against_it(drawn):
    subject = drawn("experiment=one_weight_overshoot")
    axes = landscape_figure(subject).axes[0]
    weights, losses = (np.asarray(values) for values in line_named(axes, "training loss").get_data())
    np.testing.assert_allclose(losses, 14 / 3 * (weights - 1) ** 2, atol=1e-6)
    assert line_named(axes, "path").get_xdata()[1] == pytest.approx(1.4)


@pytest.mark.parametrize("fixture", ["two_units", "wide"])
def test_the_parts_of_the_hidden_units_sum_to_the_prediction(request, fixture):
    subject: Subject = request.getfixturevalue(fixture)
    grid = subject.grid()
    with torch.no_grad():
        torch.testing.assert_close(units_of(subject, grid).total, subject.module.predict(grid)[:, 0])


def test_the_parts_sum_to_the_prediction_in_the_users_units(drawn):
    table = ("data=table", "data.x=[1.0,2.0,4.0,5.0]", "data.y=[30.0,10.0,20.0,90.0]", "data.standardize=true")
    subject = drawn("model=relu_net", "model.bias=true", *table, "trainer.max_steps=20")
    grid = subject.grid()
    with torch.no_grad():
        torch.testing.assert_close(units_of(subject, grid).total, subject.module.predict(grid)[:, 0])


def test_the_units_are_drawn_a_part_a_panel(two_units):
    figure = units_figure(two_units)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["pre-activation", "activation: ReLU", "weighted contribution", "sum of all units"]
    for panel in figure.axes[:3]:
        assert [line.get_label() for line in panel.lines] == ["unit 1", "unit 2"]
    weight = two_units.module.net.hidden1.weight[1, 0].item()
    x, y = (np.asarray(values) for values in line_named(figure.axes[0], "unit 2").get_data())
    np.testing.assert_allclose(y, weight * x, rtol=1e-5)


def test_of_a_wide_layer_the_units_that_contribute_most_are_drawn(wide):
    figure = units_figure(wide)
    assert "6 of 20 units that contribute most" in figure.get_suptitle()
    spread = units_of(wide, wide.points("train").x).contribution.var(dim=0)
    largest = {f"unit {unit + 1}" for unit in spread.topk(6).indices.tolist()}
    assert {line.get_label() for line in figure.axes[0].lines} == largest


def test_the_residuals_are_target_minus_prediction(two_units):
    scatter, histogram = FIGURES["residuals"](two_units).axes
    x, y = two_units.points("train")
    (points,) = [points for points in scatter.collections if points.get_label() == "training points"]
    with torch.no_grad():
        np.testing.assert_allclose(points.get_offsets()[:, 1], (y - two_units.module.predict(x))[:, 0])
    assert sum(bar.get_width() for bar in histogram.patches) == 200
    assert (scatter.get_xlabel(), scatter.get_ylabel()) == ("x", "residual of y")


@pytest.mark.parametrize("style", ["light", "dark"])
def test_every_figure_is_written(two_units, tmp_path, style):
    lines = list(draw(two_units, list(FIGURES), tmp_path, style))
    assert lines == [str(tmp_path / f"{name}.png") for name in FIGURES]
    for path in lines:
        with Image.open(path) as image:
            corner = sum(image.convert("RGB").getpixel((0, 0))) / 3
            assert (corner > 200) == (style == "light")


def test_what_a_model_does_not_have_is_left_out_with_the_reason(tmp_path):
    given = Subject.of_settings(compose(["model=linear", "model.initial_coefficients=[2.5,3.5]", "data=americano"]))
    assert list(draw(given, ["loss", "units", "fit"], tmp_path, "light")) == [
        "loss is left out: no step was made",
        "units is left out: the model has no hidden units before a linear output",
        str(tmp_path / "fit.png"),
    ]


EDGES = {
    "one sample": ("model=linear", "data=table", "data.x=[2.0]", "data.y=[3.0]"),
    "equal samples": ("model=linear", "data=table", "data.x=[2.0,2.0]", "data.y=[3.0,3.0]"),
    "no error left": ("model=linear", "data=identity", "model.bias=false", "model.initial_coefficients=[1.0]"),
    "one step": ("model=relu_net", "trainer.max_steps=1"),
    "diverged at once": ("model=relu_net", "optimizer.lr=1e30"),
}


@pytest.mark.parametrize("overrides", EDGES.values(), ids=EDGES)
def test_runs_at_the_edge_are_drawn(drawn, overrides):
    subject = drawn("trainer.max_steps=5", *overrides)
    with styled():
        for name in ("fit", "loss"):
            FIGURES[name](subject).draw_without_rendering()
        for name in ("first_update", "landscape", "residuals"):
            with suppress(CannotDraw):
                FIGURES[name](subject).draw_without_rendering()


def test_a_film_shows_the_recorded_steps_and_curves(two_units):
    with styled():
        film = Film(two_units)
    assert (film.steps[0], film.steps[-1]) == (0, 200)
    film.show(len(film.steps) - 1)
    assert film.title.get_text() == f"step 200, mse {two_units.history['train/loss'][-1]:.4g}"
    assert film.curve is not None
    x, y = film.curve.get_data()
    with torch.no_grad():
        np.testing.assert_allclose(y, two_units.module.predict(torch.as_tensor(x)[:, None])[:, 0], atol=1e-5)
    assert len(film.path.get_xdata()) == 201


def test_the_animation_is_a_gif_with_a_frame_a_step(line, tmp_path):
    path = animate(line, tmp_path / "training.gif", "light")
    with Image.open(path) as image:
        assert (image.format, image.n_frames) == ("GIF", len(Film(line).steps))


def test_what_was_not_trained_cannot_be_animated(tmp_path):
    given = Subject.of_settings(compose(["model=linear", "data=line"]))
    with pytest.raises(CannotDraw):
        animate(given, tmp_path / "training.gif", "light")
    assert not list(tmp_path.iterdir())
