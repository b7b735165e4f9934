"""The americano of lesson 1: its printed rows and its law."""

import pytest
import torch

from descentlab.generators.line import law, line


@pytest.fixture(scope="module")
def draw():
    return line(torch.Generator().manual_seed(43052), num_samples=100, noise_std=0.5, coefficients=[2.5, 4.0])


def printed(values: torch.Tensor) -> list[str]:
    return [f"{value:.4f}" for value in values.flatten().tolist()]


def test_the_first_rows_are_as_printed(draw):
    assert printed(draw.x[:5]) == ["-2.4821", "-2.3621", "-1.9973", "-1.6239", "-1.4792"]
    assert printed(draw.y[:5]) == ["-8.5420", "-6.5767", "-5.9496", "-4.4794", "-4.2516"]


def test_the_last_rows_are_as_printed(draw):
    assert printed(draw.x[-4:]) == ["2.3935", "2.6056", "2.6057", "2.6632"]
    assert printed(draw.y[-4:]) == ["12.2665", "13.0983", "12.5468", "13.8340"]


def test_the_true_answer_at_half_a_degree_is_four_and_a_half_cups(draw):
    assert draw.law(torch.tensor([[0.5]])).item() == 4.5


def test_the_law_is_a_line():
    assert law(torch.tensor([[0.0], [1.0]]), coefficients=[2.5, 4.0]).tolist() == [[2.5], [6.5]]
