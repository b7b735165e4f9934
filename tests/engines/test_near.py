"""Near is within a ten-thousandth of a tensor's largest finite number, or of a row's."""

import math

import pytest
import torch

from descentlab.engines.near import TOLERANCE, are_near, rows_are_near

FIRST = torch.tensor([1.0, -1000.0, 0.0], dtype=torch.float64)


@pytest.mark.parametrize(
    ("second", "near"),
    [
        ([1.0, -1000.0, 0.0], True),
        ([1.09, -1000.09, -0.09], True),
        ([1.0, -1000.0, 0.1], True),
        ([1.11, -1000.0, 0.0], False),
        ([1.0, -1000.0, math.nan], False),
        ([1.0, -math.inf, 0.0], False),
    ],
)
def test_a_tensor_is_near_within_a_share_of_its_largest_number(second, near):
    assert TOLERANCE == 1e-4
    found = torch.tensor(second, dtype=torch.float64)
    assert are_near(FIRST, found) is near
    assert are_near([FIRST, {"x": (FIRST, None)}], [FIRST, {"x": (found, None)}]) is near


def test_nan_and_infinities_are_near_themselves_and_measure_nothing():
    for special in (math.nan, math.inf, -math.inf):
        values = torch.tensor([special, 0.001])
        assert are_near(values, values.clone())
        assert not are_near(values, torch.tensor([special, 0.001001]))
    assert not are_near(torch.tensor([math.inf]), torch.tensor([-math.inf]))


def test_whole_numbers_shapes_and_plain_values_agree_exactly():
    assert are_near(torch.tensor([10**6]), torch.tensor([10**6]))
    assert not are_near(torch.tensor([10**6]), torch.tensor([10**6 + 1]))
    assert not are_near(FIRST, FIRST[:2])
    assert not are_near({"lr": 0.1}, {"lr": 0.10000001})
    assert not are_near([FIRST], [FIRST, FIRST])
    for first, second in ((FIRST, None), ({"lr": 0.1}, None), ([FIRST], None), ({}, [])):
        assert not are_near(first, second)
        assert not are_near(second, first)
    assert are_near(torch.empty(0), torch.empty(0))


def test_each_row_is_near_by_itself():
    first = torch.tensor([[1000.0, 1.0], [1.0, 1.0]])
    none = torch.zeros(2, 1)
    assert rows_are_near(first, first + torch.tensor([[0.09], [0.00009]]), none)
    assert not rows_are_near(first, first + torch.tensor([[0.09], [0.0002]]), none)
    assert rows_are_near(torch.empty(0, 3), torch.empty(0, 3), none[:0])
    assert rows_are_near(torch.empty(3, 0), torch.empty(3, 0), torch.zeros(3, 1))
    assert not rows_are_near(torch.ones(1, 1), torch.zeros(1, 1), none[:1])


def test_each_row_has_its_own_spread():
    first = torch.tensor([[1.0, 1.0], [1.0, 1.0]])
    assert rows_are_near(first, first + torch.tensor([[0.5], [0.0]]), torch.tensor([[0.5], [0.0]]))
    assert not rows_are_near(first, first + torch.tensor([[0.0], [0.5]]), torch.tensor([[0.5], [0.0]]))
    assert not rows_are_near(first, first * torch.nan, torch.full((2, 1), torch.inf))
