"""The one weight of lesson 3: y = x on 1, 2, 3."""

import torch

from descentlab.generators.identity import identity


def test_three_points_are_those_of_the_lesson():
    draw = identity(torch.Generator(), num_samples=3, noise_std=0.0)
    assert draw.x.tolist() == draw.y.tolist() == [[1.0], [2.0], [3.0]]
