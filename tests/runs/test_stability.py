"""The stability limit of a run: what its own optimiser bears, and what it costs to be warned."""

import math

import pytest
import torch

from descentlab.functional.objectives import net_objective
from descentlab.nets.linear import Linear
from descentlab.runs import stability as stability_of_runs
from descentlab.runs.assemble import assemble
from descentlab.runs.stability import is_above_limit, rate_warning, stability, start_stability
from descentlab.runs.train import train
from descentlab.settings.compose import compose

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
    module, data = assembled("experiment=cubic", f"optimizer.lr={lr}")
    assert is_above_limit(module, data) is above


def test_a_rate_well_below_asks_for_no_eigenvalue(monkeypatch):
    def refuse(*_):
        raise AssertionError("an eigenvalue was computed")

    module, data = assembled("experiment=cubic")
    monkeypatch.setattr(stability_of_runs, "largest_eigenvalue", refuse)
    assert not is_above_limit(module, data)


@pytest.mark.parametrize("overrides", ["model=relu_net", "model=wide_net", "model=linear loss=mae"])
def test_no_start_of_a_net_pays_for_its_curvature(monkeypatch, overrides):
    def refuse(*_, **__):
        raise AssertionError("the curvature was computed")

    module, data = assembled(*overrides.split(), "optimizer.lr=1e6")
    monkeypatch.setattr(stability_of_runs, "largest_curvature", refuse)
    monkeypatch.setattr(Linear, "design_matrix", refuse)
    assert rate_warning(module, data) is None


def test_the_warning_names_the_rate_and_the_limit_in_one_line():
    warning = rate_warning(*assembled("experiment=cubic", "optimizer.lr=0.2"))
    assert warning.startswith("warning: optimizer.lr=0.2 is above the stability limit 0.1011")
    assert "\n" not in warning


def test_the_warning_says_that_momentum_one_has_no_limit():
    warning = rate_warning(*assembled("experiment=americano_uncleared"))
    assert warning == "warning: optimizer.momentum=1 converges at no learning rate"
