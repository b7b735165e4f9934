"""The pure noise of lesson 4i: nothing to learn."""

import torch

from descentlab.functional.losses import mse
from descentlab.generators.noise import noise


def lesson():
    return noise(torch.Generator().manual_seed(202150754), num_samples=100, noise_std=1.0)


def test_predicting_zero_has_the_printed_mse():
    assert f"{mse(torch.zeros(100, 1), lesson().y):.4f}" == "1.0025"


def test_the_points_are_even_and_the_law_is_zero():
    draw = lesson()
    assert torch.equal(draw.x, torch.linspace(-1, 1, 100).unsqueeze(1))
    assert torch.equal(draw.law(draw.x), torch.zeros(100, 1))
