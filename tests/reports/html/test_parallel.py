"""The axes of the parallel coordinates: where a value stands on them."""

import math

import pytest

from descentlab.reports.html.parallel import _axis


def test_a_few_values_stand_evenly_each_with_its_tick():
    axis = _axis("width", [8, 1, None, 2])
    assert axis.heights == [1.0, 0.0, None, 0.5]
    assert axis.ticks == [(0.0, "1"), (0.5, "2"), (1.0, "8")]


def test_many_numbers_stand_by_their_size():
    axis = _axis("start", [2.0 + k / 10 for k in range(21)])
    assert axis.heights == pytest.approx([k / 20 for k in range(21)], abs=1e-4)
    assert axis.ticks == [(0.0, "2"), (0.25, "2.5"), (0.5, "3"), (0.75, "3.5"), (1.0, "4")]


def test_many_numbers_over_several_powers_of_ten_stand_by_their_logarithm():
    axis = _axis("rate", [10.0 ** -(k / 4) for k in range(17)])
    assert axis.heights == pytest.approx([1 - k / 16 for k in range(17)], abs=1e-4)
    assert [text for _, text in axis.ticks] == ["0.0001", "0.001", "0.01", "0.1", "1"]


def test_many_texts_stand_by_the_alphabet_and_the_first_and_the_last_are_named():
    words = [f"{letter}" for letter in "kjihgfedcba"]
    axis = _axis("data", words)
    assert axis.heights == pytest.approx([1 - k / 10 for k in range(11)])
    assert axis.ticks == [(0.0, "a"), (1.0, "k")]


def test_losses_stand_by_their_logarithm_up_to_the_largest_that_is_shown():
    axis = _axis("train/loss", [1.0, 1e-4, 1e-2, 1e9, math.nan], most=1.0)
    assert axis.heights == pytest.approx([1.0, 0.0, 0.5, 1.0, 1.0])
    assert axis.texts == ["1", "0.0001", "0.01", "1e+09", "not finite"]


def test_losses_that_are_all_the_same_stand_in_the_middle():
    axis = _axis("train/loss", [0.25] * 3, most=1.0)
    assert (axis.heights, axis.ticks) == ([0.5] * 3, [(0.5, "0.25")])
