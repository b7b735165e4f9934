"""The plane of lesson 2d: its draws in order, and its law."""

import torch

from descentlab.generators.two_features import law, two_features


def test_the_draws_are_x1_then_x2_then_the_noise():
    draw = two_features(
        torch.Generator().manual_seed(202150754),
        num_samples=100,
        noise_std=0.5,
        coefficients=[2.5, 4.0, -2.0],
    )
    stream = torch.Generator().manual_seed(202150754)
    x1, x2 = (torch.randn(100, generator=stream).sort().values for _ in range(2))
    noise = torch.randn(100, generator=stream) * 0.5
    assert torch.equal(draw.x, torch.stack([x1, x2], dim=1))
    assert torch.equal(draw.y.squeeze(1), 2.5 + 4 * x1 - 2 * x2 + noise)


def test_the_law_is_a_plane():
    assert law(torch.tensor([[1.0, 0.5]]), coefficients=[2.5, 4.0, -2.0]).item() == 5.5
