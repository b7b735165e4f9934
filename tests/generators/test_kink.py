"""The kink of lesson 4c: two half-lines on evenly spaced points."""

import torch

from descentlab.generators.kink import kink, law


def test_the_points_and_the_noise_are_those_of_the_lesson():
    draw = kink(torch.Generator().manual_seed(1), num_samples=100, noise_std=0.3, left_slope=1.0, right_slope=3.5)
    x = torch.linspace(-1, 1, 100).unsqueeze(1)
    noise = torch.randn(100, 1, generator=torch.Generator().manual_seed(1)) * 0.3
    assert torch.equal(draw.x, x)
    assert torch.equal(draw.y, torch.where(x < 0, x, 3.5 * x) + noise)


def test_the_law_bends_at_zero():
    bent = law(torch.tensor([[-2.0], [0.0], [2.0]]), left_slope=1.0, right_slope=3.5)
    assert bent.tolist() == [[-2.0], [0.0], [7.0]]


def test_the_law_is_not_linear_in_parameters():
    draw = kink(torch.Generator(), num_samples=2, noise_std=0.3, left_slope=1.0, right_slope=3.5)
    assert draw.coefficients is None
