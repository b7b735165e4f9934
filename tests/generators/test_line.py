"""The line of lesson 2: the draws of the lesson, and its shape trap."""

import pytest
import torch

from descentlab.generators.line import line


@pytest.fixture(scope="module")
def draw():
    return line(torch.Generator().manual_seed(202150754), num_samples=100, noise_std=0.4, coefficients=[2.5, 4.0])


def test_the_draws_are_x_then_the_noise(draw):
    stream = torch.Generator().manual_seed(202150754)
    x = torch.randn(100, generator=stream).sort().values
    noise = torch.randn(100, generator=stream) * 0.4
    assert torch.equal(draw.x.squeeze(1), x)
    assert torch.equal(draw.y.squeeze(1), 2.5 + 4 * x + noise)


def test_the_shape_trap_has_its_printed_value(draw):
    prediction = -5 + 10 * draw.x  # (sample, 1), lesson 2b
    assert f"{(draw.y.squeeze(1) - prediction).square().mean():.4f}" == "187.0950"
