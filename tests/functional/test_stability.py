"""Curvature and the stability limit: exact for quadratics, equal to the dense Hessian elsewhere."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from descentlab.functional.descent import descent_path
from descentlab.functional.losses import mse, sse
from descentlab.functional.objectives import linear_objective
from descentlab.functional.stability import hessian, largest_curvature, largest_eigenvalue, stability_limit

EXACT = {"relative_tolerance": 1e-10, "max_iterations": 100}


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def quadratic(eigenvalues: list[float], seed: int = 0):
    """The function p'Hp / 2 of an H with these eigenvalues, in random directions."""
    size = len(eigenvalues)
    directions, _ = torch.linalg.qr(torch.randn(size, size, generator=stream(seed), dtype=torch.float64))
    matrix = directions @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ directions.T
    return lambda point: point @ matrix @ point / 2


@pytest.mark.parametrize(("name", "loss"), [("mse", mse), ("sse", sse)], ids=["mse", "sse"])
@given(seed=st.integers(0, 2**32), num_samples=st.integers(1, 9), num_coefficients=st.integers(1, 4))
def test_the_hessian_is_that_of_autograd(name, loss, seed, num_samples, num_coefficients):
    design = torch.randn(num_samples, num_coefficients, generator=stream(seed), dtype=torch.float64)
    objective = linear_objective(loss, design, torch.ones(num_samples, 1, dtype=torch.float64))
    expected = torch.func.jacrev(torch.func.grad(objective))(torch.zeros(num_coefficients, dtype=torch.float64))
    torch.testing.assert_close(hessian(design, name), expected)


def test_the_limit_of_the_cubic_of_lesson_4a_is_as_printed():
    x = torch.randn(100, generator=stream(202150754))
    design = torch.stack([x**power for power in range(4)], dim=1)
    assert f"{stability_limit(largest_eigenvalue(hessian(design, 'mse'))):.4f}" == "0.1011"


@pytest.mark.parametrize(("share", "converges"), [(0.99, True), (1.01, False)], ids=["below", "above"])
def test_descent_converges_below_the_limit_and_not_above(share, converges):
    curvature = hessian(torch.randn(9, 3, generator=stream()), "mse")
    lr = share * stability_limit(largest_eigenvalue(curvature))
    path = descent_path(curvature, torch.zeros(3), torch.ones(3), lr=lr, num_steps=3000)
    assert bool(path[-1].norm() < path[0].norm()) is converges


@pytest.mark.parametrize(("curvature", "limit"), [(0.0, math.inf), (-1.0, math.inf), (4.0, 0.5)])
def test_the_limit_is_two_over_the_curvature_where_there_is_any(curvature, limit):
    assert stability_limit(curvature) == limit


MOMENTA = [(0.5, 0.0, False), (0.9, 0.0, False), (0.9, 0.5, False), (0.9, 0.0, True), (1.0, 0.0, True)]


@pytest.mark.parametrize(("momentum", "dampening", "nesterov"), MOMENTA, ids=str)
@pytest.mark.parametrize(("share", "converges"), [(0.99, True), (1.01, False)], ids=["below", "above"])
def test_torchs_momentum_converges_below_its_limit_and_not_above(momentum, dampening, nesterov, share, converges):
    limit = stability_limit(3.0, momentum=momentum, dampening=dampening, nesterov=nesterov)
    weight = torch.ones(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=share * limit, momentum=momentum, dampening=dampening, nesterov=nesterov)
    for _ in range(5000):
        optimizer.zero_grad()
        (1.5 * weight**2).sum().backward()  # curvature 3
        optimizer.step()
    assert bool(weight.abs() < 1e-3) is converges


@pytest.mark.parametrize("lr", [1e-3, 0.1, 1.0])
def test_momentum_one_converges_at_no_rate(lr):
    assert stability_limit(3.0, momentum=1.0) == 0
    weight = torch.ones(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=lr, momentum=1.0)
    furthest = 0.0
    for step in range(5000):
        optimizer.zero_grad()
        (1.5 * weight**2).sum().backward()
        optimizer.step()
        furthest = max(furthest, abs(float(weight.detach()))) if step > 4000 else 0.0
    assert furthest > 0.9  # as far as at the start


def test_dampening_without_momentum_is_left_aside_as_torch_does():
    assert stability_limit(4.0, dampening=1.0) == 0.5
    assert stability_limit(4.0, momentum=0.5, dampening=1.0) == math.inf


def test_the_limit_of_an_unknown_curvature_is_unknown():
    assert math.isnan(stability_limit(math.nan))


@given(
    eigenvalues=st.lists(st.integers(-(10**8), 10**8).map(lambda k: k / 10**6), min_size=1, max_size=8),
    scale=st.sampled_from([1e-12, 1.0, 1e12]),
    seed=st.integers(0, 2**32),
)
def test_the_curvature_of_a_quadratic_is_its_largest_eigenvalue(eigenvalues, scale, seed):
    scaled = [scale * value for value in eigenvalues]
    point = torch.zeros(len(scaled), dtype=torch.float64)
    found = largest_curvature(quadratic(scaled), point, generator=stream(seed), **EXACT)
    assert found.largest == pytest.approx(max(scaled), rel=1e-6, abs=1e-9 * max(map(abs, scaled)))
    assert found.converged


def test_a_larger_negative_eigenvalue_does_not_hide_the_largest():
    point = torch.zeros(3, dtype=torch.float64)
    found = largest_curvature(quadratic([-50.0, 1.0, 2.0]), point, generator=stream(), **EXACT)
    assert found.largest == pytest.approx(2)


def test_opposite_extremes_are_told_apart():
    point = torch.zeros(2, dtype=torch.float64)  # a net of two weights at zero: curvature +1 and -1
    found = largest_curvature(lambda p: p[0] * p[1], point, generator=stream(), **EXACT)
    assert found.largest == pytest.approx(1)


def test_a_long_spectrum_needs_few_products():
    eigenvalues = torch.linspace(0.0, 1.0, 300, dtype=torch.float64)
    found = largest_curvature(
        lambda p: (eigenvalues * p**2).sum() / 2,
        torch.zeros(300, dtype=torch.float64),
        generator=stream(),
        relative_tolerance=1e-4,
        max_iterations=300,
    )
    assert found.largest == pytest.approx(1, rel=1e-3)
    assert found.num_products < 100


def test_a_function_without_curvature_has_none():
    found = largest_curvature(lambda p: 3 * p.sum(), torch.zeros(4), generator=stream(), **EXACT)
    assert found.largest == 0
    assert found.converged


def test_too_few_products_are_said_to_be_too_few():
    found = largest_curvature(
        quadratic([1.0, 2.0, 3.0, 4.0]),
        torch.zeros(4, dtype=torch.float64),
        generator=stream(),
        relative_tolerance=1e-6,
        max_iterations=2,
    )
    assert (found.num_products, found.converged) == (2, False)
    assert found.largest < 4


def test_a_hessian_that_is_not_finite_gives_nan():
    found = largest_curvature(lambda p: (p**4).sum(), torch.full((2,), math.inf), generator=stream(), **EXACT)
    assert math.isnan(found.largest)
    assert not found.converged


def test_the_same_generator_state_gives_the_same_curvature():
    point = torch.ones(5)
    first, second = (
        largest_curvature(lambda p: (p**4).sum() + p[0] * p[1], point, generator=stream(3), **EXACT) for _ in range(2)
    )
    assert first == second


def test_a_small_curvature_has_a_limit():
    assert stability_limit(0.5) == 4.0


def test_the_products_are_counted():
    one = largest_curvature(quadratic([3.0]), torch.zeros(1, dtype=torch.float64), generator=stream(), **EXACT)
    assert (one.num_products, one.converged) == (1, True)
    two = largest_curvature(quadratic([3.0, 1.0]), torch.zeros(2, dtype=torch.float64), generator=stream(), **EXACT)
    assert (two.num_products, two.converged) == (2, True)
    nowhere = largest_curvature(lambda point: point @ point * math.nan, torch.zeros(5), generator=stream(), **EXACT)
    assert (nowhere.num_products, nowhere.converged) == (1, False)
    assert math.isnan(nowhere.largest)
