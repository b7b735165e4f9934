"""The hours and scores of lesson 5: two points an hour."""

import torch

from descentlab.generators.study_hours import study_hours


def test_three_hours_are_those_of_the_lesson():
    draw = study_hours(torch.Generator(), num_samples=3, noise_std=0.0)
    assert draw.x.tolist() == [[1.0], [2.0], [3.0]]
    assert draw.y.tolist() == [[2.0], [4.0], [6.0]]


def test_four_hours_give_eight_points():
    draw = study_hours(torch.Generator(), num_samples=3, noise_std=0.0)
    assert draw.law(torch.tensor([[4.0]])).item() == 8
