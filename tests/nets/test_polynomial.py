"""The polynomial: the powers of one feature, weighed."""

import pytest
import torch

from descentlab.errors import InputError
from descentlab.nets.polynomial import Polynomial

X = torch.tensor([[-1.0], [0.0], [2.0]])


def test_the_columns_are_the_powers_of_x():
    assert Polynomial(1, 3, True, None).columns(X).tolist() == [[-1, 1, -1], [0, 0, 0], [2, 4, 8]]


def test_the_prediction_is_the_polynomial():
    net = Polynomial(1, 3, True, [1.0, 4.0, 3.0, -2.0])
    torch.testing.assert_close(net(X), 1 + 4 * X + 3 * X**2 - 2 * X**3)


def test_a_degree_of_one_is_a_line():
    assert Polynomial(1, 1, False, [3.0])(X).tolist() == [[-3.0], [0.0], [6.0]]


def test_more_than_one_feature_is_refused_with_the_way_out():
    with pytest.raises(InputError, match="expected data with one feature, came 2 features; type model=linear"):
        Polynomial(2, 3, True, None)
