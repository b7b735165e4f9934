"""The cubic of lesson 4a: its draws in order, its law, and its stability limit."""

import torch

from descentlab.functional.stability import hessian, largest_eigenvalue, stability_limit
from descentlab.generators.cubic import cubic, law
from descentlab.nets.polynomial import Polynomial

COEFFICIENTS = [1.0, 4.0, 3.0, -2.0]


def lesson():
    stream = torch.Generator().manual_seed(202150754)
    return cubic(stream, num_samples=100, noise_std=1.0, coefficients=COEFFICIENTS)


def test_the_draws_are_x_then_the_noise():
    stream = torch.Generator().manual_seed(202150754)
    x = torch.randn(100, generator=stream).sort().values.unsqueeze(1)
    noise = torch.randn(100, 1, generator=stream)
    assert torch.equal(lesson().x, x)
    assert torch.equal(lesson().y, 1 + 4 * x + 3 * x**2 - 2 * x**3 + noise)


def test_the_law_is_the_cubic():
    assert law(torch.tensor([[2.0], [-1.0]]), coefficients=COEFFICIENTS).tolist() == [[5.0], [2.0]]


def test_the_stability_limit_of_the_draw_is_as_printed():
    design = Polynomial(1, 3, True, None).design_matrix(lesson().x)
    assert f"{stability_limit(largest_eigenvalue(hessian(design, 'mse'))):.4f}" == "0.1011"
