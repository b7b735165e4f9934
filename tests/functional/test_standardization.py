"""Standard units against SciPy's z-scores; coefficients in the user's units against what they predict."""

import numpy
import pytest
import torch
from scipy import stats

from descentlab.functional.standardization import Standardization


def points(num_features: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(20, num_features, generator=generator, dtype=torch.float64)
    scales = torch.tensor([5.0, 0.1, 300.0], dtype=torch.float64)[:num_features]
    x = x * scales + 3 * scales
    return x, 100 + 7 * torch.randn(20, 1, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("num_features", [1, 3])
def test_standard_units_are_z_scores_and_lead_back(num_features):
    x, y = points(num_features)
    units = Standardization.of(x, y)
    torch.testing.assert_close(units.standardize_x(x), torch.from_numpy(stats.zscore(x.numpy(), axis=0)))
    torch.testing.assert_close(units.standardize_y(y), torch.from_numpy(stats.zscore(y.numpy(), axis=0)))
    torch.testing.assert_close(units.restore_x(units.standardize_x(x)), x)
    torch.testing.assert_close(units.restore_y(units.standardize_y(y)), y)


def test_a_constant_column_is_only_moved():
    x, y = points(3)
    x[:, 1] = 4.0
    units = Standardization.of(x, torch.full_like(y, -2.0))
    assert (units.x_std[1], units.y_std) == (1.0, 1.0)
    assert bool((units.standardize_x(x)[:, 1] == 0).all())
    assert bool((units.standardize_y(torch.full_like(y, -2.0)) == 0).all())


def test_a_small_spread_is_a_spread():
    x, y = points(1)
    units = Standardization.of(x * 1e-9, y * 1e-9)
    torch.testing.assert_close(units.standardize_x(x * 1e-9), torch.from_numpy(stats.zscore(x.numpy(), axis=0)))


def test_the_coefficients_of_a_polynomial_predict_the_same_in_either_units():
    x, y = points(1)
    units = Standardization.of(x, y)
    standard = torch.tensor([0.5, -1.0, 2.0, 0.25], dtype=torch.float64)
    matrix, offset = units.coefficient_map(4)
    assert (matrix.dtype, offset.dtype) == (torch.float64, torch.float64)
    theirs = numpy.polynomial.Polynomial(standard.numpy())(units.standardize_x(x).numpy())
    ours = numpy.polynomial.Polynomial((matrix @ standard + offset).numpy())(x.numpy())
    numpy.testing.assert_allclose(ours, units.restore_y(torch.from_numpy(theirs)).numpy(), rtol=1e-9)


@pytest.mark.parametrize("num_features", [2, 3])
def test_the_coefficients_of_a_plane_predict_the_same_in_either_units(num_features):
    x, y = points(num_features)
    units = Standardization.of(x, y)
    standard = torch.tensor([0.5, -1.0, 2.0, 0.25], dtype=torch.float64)[: num_features + 1]
    matrix, offset = units.coefficient_map(num_features + 1)
    intercept, *slopes = matrix @ standard + offset
    theirs = units.restore_y((standard[0] + units.standardize_x(x) @ standard[1:])[:, None])
    torch.testing.assert_close((intercept + x @ torch.stack(slopes))[:, None], theirs)


def test_standard_units_survive_being_written():
    units = Standardization.of(*points(3))
    plain = units.to_plain()
    assert [type(value) for value in plain.values()] == [list, list, float, float]
    assert [*plain] == ["x_mean", "x_std", "y_mean", "y_std"]
    assert Standardization.from_plain(plain) == units
