"""The stability limit of a run: what its own optimiser bears, and what it costs to be warned."""

import math

import pytest
import torch
from torch import nn

from descentlab.functional.objectives import net_objective
from descentlab.runs import stability as stability_of_runs
from descentlab.runs.assemble import assemble
from descentlab.runs.stability import rate_warning, stability, start_stability
from descentlab.runs.train import train
from descentlab.settings.compose import compose
from descentlab.settings.config_folders import config_folder

LINEAR = ("model=linear", "data=americano")


def assembled(*overrides: str):
    data, module = assemble(compose(overrides))
    return module, data


def dense_curvature(module, data) -> float:
    """The largest eigenvalue of the Hessian that autograd forms."""
    function, point = net_objective(module.net, module.loss, *data.stages()["train"])
    return float(torch.linalg.eigvalsh(torch.func.jacrev(torch.func.grad(function))(point).double())[-1])


def test_the_limit_of_the_cubic_of_lesson_4a_is_as_printed():
    found = start_stability(compose(["experiment=cubic"]))
    assert f"{found.limit:.4f}" == "0.1011"
    assert found.everywhere
    assert not found.is_above


@pytest.mark.parametrize(
    "overrides",
    [
        "model=linear",
        "model=linear loss=sse",
        "model=linear loss=huber",
        "model=linear data=two_features model.parameterization=column",
        "model=linear data=table data.x=[1,2,4] data.y=[9,1,3] data.standardize=true",
        "model=polynomial",
        "model=relu_net",
        "model=relu_net model.hidden_width=5 model.activation=tanh model.num_hidden_layers=2",
        "model=wide_net model.hidden_width=20",
    ],
)
def test_the_curvature_is_that_of_the_dense_hessian(overrides):
    module, data = assembled(*overrides.split())
    found = stability(module, data)
    assert found.curvature.converged
    assert found.curvature.largest == pytest.approx(dense_curvature(module, data), rel=1e-3)


@pytest.mark.parametrize(("share", "diverges"), [(0.99, False), (1.05, True)], ids=["below", "above"])
@pytest.mark.parametrize(
    "overrides",
    [
        "optimizer=sgd",
        "optimizer=sgd loss=sse",
        "optimizer=sgd optimizer.weight_decay=0.5",
        "optimizer=momentum",
        "optimizer=momentum optimizer.dampening=0.5 optimizer.weight_decay=0.1",
        "optimizer=momentum optimizer.nesterov=true",
    ],
)
def test_a_run_diverges_above_its_limit_and_not_below(tmp_path, overrides, share, diverges):
    given = [*LINEAR, *overrides.split(), "logger=none", "callbacks=none", "trainer.max_steps=4000"]
    limit = start_stability(compose(given)).limit
    result = train(compose([*given, f"optimizer.lr={share * limit}"]), tmp_path)
    assert (result.status == "diverged") is diverges


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "lbfgs"])
def test_an_optimizer_that_is_not_gradient_descent_has_no_limit(optimizer):
    found = start_stability(compose([*LINEAR, f"optimizer={optimizer}", "optimizer.lr=1e6"]))
    assert found.limit is None
    assert not found.is_above


def test_a_rate_that_the_config_leaves_out_is_the_optimizers_own():
    assert start_stability(compose([*LINEAR, "~optimizer.lr"])).lr == 1e-3


def test_a_hessian_that_overflows_has_no_limit():
    found = start_stability(compose(["model=polynomial", "model.degree=300"]))
    assert math.isnan(found.limit)
    assert not found.is_above


def test_more_coefficients_than_a_hessian_is_formed_for_give_the_same_curvature(monkeypatch):
    module, data = assembled("experiment=cubic")
    dense = stability(module, data).curvature
    monkeypatch.setattr(stability_of_runs, "LARGEST_DENSE", 3)
    by_products = stability(module, data)
    assert (dense.num_products, by_products.curvature.num_products > 0) == (0, True)
    assert by_products.curvature.largest == pytest.approx(dense.largest, rel=1e-4)
    assert by_products.everywhere


@pytest.mark.parametrize(("lr", "above"), [(0.05, False), (0.1011, False), (0.1012, True), (3, True)])
def test_a_rate_is_told_to_be_above_the_limit_exactly(lr, above):
    warning = rate_warning(*assembled("experiment=cubic", f"optimizer.lr={lr}"))
    assert (warning is not None) is above


def test_a_rate_well_below_asks_for_no_eigenvalue(monkeypatch):
    def refuse(*_):
        raise AssertionError("an eigenvalue was computed")

    module, data = assembled("experiment=cubic")
    monkeypatch.setattr(stability_of_runs, "largest_eigenvalue", refuse)
    assert rate_warning(module, data) is None


@pytest.mark.parametrize("overrides", ["model=relu_net", "experiment=kink_wide", "model=linear loss=huber"])
def test_a_rate_above_the_limit_of_a_net_is_warned_of_as_one_of_its_start(overrides):
    limit = stability(*assembled(*overrides.split())).limit
    assert rate_warning(*assembled(*overrides.split(), f"optimizer.lr={0.99 * limit}")) is None
    warning = rate_warning(*assembled(*overrides.split(), f"optimizer.lr={1.01 * limit}"))
    assert f"is above the stability limit at the start, {limit:.4g}, so the first steps may grow" in warning


def test_a_net_below_its_limit_at_the_start_oscillates_no_more_than_one_above_it(tmp_path):
    """The first steps along the sharpest direction: 1 - lr lambda_max is beyond -1 above the limit alone."""
    module, data = assembled("experiment=kink_wide")
    found = stability(module, data)
    given = ["experiment=kink_wide", "trainer.max_steps=30", "logger=none", "callbacks=none"]
    rises = {}
    for share in (0.9, 1.5):
        folder = tmp_path / str(share)
        folder.mkdir()
        result = train(compose([*given, f"optimizer.lr={share * found.limit}"]), folder)
        rows = (folder / "history.csv").read_text().splitlines()[1:]
        losses = [float(row.split(",")[1]) for row in rows]
        rises[share] = max(losses) > losses[0]
        assert result.status == "completed"
    assert rises == {0.9: False, 1.5: True}


def test_a_run_whose_curvature_would_take_long_starts_without_it(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the curvature was computed")

    module, data = assembled("experiment=kink_wide", "optimizer.lr=1e6", "data.num_samples=10000")
    monkeypatch.setattr(stability_of_runs, "largest_curvature", refuse)
    assert rate_warning(module, data) is None


class Drawing(nn.Module):
    """A net that draws numbers and counts its calls, in a buffer and in a plain number."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.register_buffer("calls", torch.zeros(()))
        self.num_calls = 0

    def forward(self, x):
        self.calls += 1
        self.num_calls += 1
        return torch.dropout(x * self.weight**2, 0.5, train=True)


def test_to_look_at_the_limit_changes_neither_the_net_nor_the_runs_random_numbers():
    module, data = assembled("model=relu_net", "optimizer.lr=1e6")
    module.net = Drawing()
    before = torch.get_rng_state()
    assert rate_warning(module, data) is not None
    assert torch.equal(torch.get_rng_state(), before)
    assert (module.net.calls, module.net.num_calls) == (0, 0)


class Distances(nn.Module):
    """A net of distances to centres, which torch differentiates once."""

    def __init__(self) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.zeros(3, 1))

    def forward(self, x):
        return torch.cdist(x, self.centres, p=1.5).sum(dim=1, keepdim=True)


def test_a_net_that_cannot_be_differentiated_twice_is_not_warned_of():
    module, data = assembled("model=relu_net", "optimizer.lr=1e6")
    module.net = Distances()
    with pytest.raises(RuntimeError, match="derivative"):
        stability(module, data)
    assert rate_warning(module, data) is None


def test_frozen_parameters_do_not_curve_the_loss():
    module, data = assembled("model=relu_net")
    for name, parameter in module.net.named_parameters():
        parameter.requires_grad_(name == "output.weight")
    seen = []
    module.net.output.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    found = stability(module, data).curvature.largest
    activations = seen[0].detach().double()  # in whose weights the loss is quadratic
    expected = torch.linalg.eigvalsh(2 * activations.T @ activations / len(activations))[-1]
    assert found == pytest.approx(float(expected), rel=1e-4)


def test_the_warning_names_the_rate_and_the_limit_in_one_line():
    warning = rate_warning(*assembled("experiment=cubic", "optimizer.lr=0.2"))
    assert warning.startswith("warning: optimizer.lr=0.2 is above the stability limit 0.1011")
    assert "\n" not in warning


def test_the_warning_says_that_momentum_one_has_no_limit():
    warning = rate_warning(*assembled("experiment=americano_uncleared"))
    assert warning == "warning: optimizer.momentum=1 converges at no learning rate"


def test_the_lessons_that_are_warned_of_are_those_that_are_to_show_it():
    lessons = sorted(path.stem for path in (config_folder() / "experiment").glob("*.yaml"))
    warned = [name for name in lessons if rate_warning(*assembled(f"experiment={name}")) is not None]
    assert warned == ["americano_uncleared", "cubic_stability", "given_line"]  # the last makes no step
