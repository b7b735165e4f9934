"""Every generator at any sample count and scale: shapes, finite numbers, and what scaling does."""

import math
from typing import get_type_hints

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

seeds = st.integers(0, 2**63 - 1)
counts = st.integers(1, 300)
scales = st.sampled_from([1e-30, 1e-12, 1.0, 1e12, 1e30])


def laws_settings(any_generator) -> list[str]:
    """The real-valued settings of the law itself."""
    hints = get_type_hints(any_generator.function)
    return [name for name, hint in hints.items() if hint is float and name != "noise_std"]


@given(seed=seeds, num_samples=counts)
def test_a_draw_is_finite_and_in_columns(any_generator, seed, num_samples):
    draw = any_generator.draw(seed, num_samples=num_samples)
    assert draw.x.ndim == 2
    assert draw.x.shape[0] == num_samples
    assert draw.y.shape == (num_samples, 1)
    assert bool(draw.x.isfinite().all() and draw.y.isfinite().all())


@given(seed=seeds, num_samples=counts, noise_std=scales)
def test_a_draw_stays_finite_at_any_scale_of_the_noise(any_generator, seed, num_samples, noise_std):
    draw = any_generator.draw(seed, num_samples=num_samples, noise_std=noise_std)
    assert bool(draw.y.isfinite().all())
    rounding = 2 * torch.finfo(draw.y.dtype).eps * float(draw.y.abs().max())  # the sum's, and the difference's
    torch.testing.assert_close(draw.y - draw.law(draw.x), draw.noise, rtol=1e-5, atol=rounding)


@given(seed=seeds, num_samples=counts, scale=scales)
def test_the_law_scales_with_its_coefficients(any_generator, seed, num_samples, scale):
    known = any_generator.draw(seed, num_samples=num_samples)
    names = laws_settings(any_generator)
    if known.coefficients is not None and any_generator.takes_coefficients:
        given_settings = {"coefficients": [scale * value for value in known.coefficients]}
    elif names and all(name.endswith("_slope") for name in names):
        given_settings = dict.fromkeys(names, 1.5 * scale)  # 1.5 is the example value
    else:
        return  # no settings, or such as do not multiply the law
    scaled = any_generator.draw(seed, num_samples=num_samples, **given_settings)
    assert torch.equal(scaled.x, known.x)
    torch.testing.assert_close(scaled.law(scaled.x), scale * known.law(known.x), rtol=1e-4, atol=1e-4 * scale)


@given(seed=seeds, num_samples=st.integers(1, 50))
def test_the_law_does_not_depend_on_the_order_of_the_samples(any_generator, seed, num_samples):
    draw = any_generator.draw(seed, num_samples=num_samples)
    order = torch.randperm(num_samples, generator=torch.Generator().manual_seed(0))
    assert torch.equal(draw.law(draw.x[order]), draw.law(draw.x)[order])


@given(value=st.floats(-1e6, 1e6, width=32))
def test_the_law_at_a_constant_x_is_constant(any_generator, value):
    draw = any_generator.draw(num_samples=5)
    levels = draw.law(torch.full_like(draw.x, value))
    assert bool((levels == levels[0]).all())


@given(seed=seeds)
def test_two_draws_of_one_stream_are_not_the_same(any_generator, seed):
    stream = torch.Generator().manual_seed(seed)
    first, second = (any_generator.draw_from(stream, noise_std=1.0) for _ in range(2))
    assert not torch.equal(first.noise, second.noise)


@pytest.mark.usefixtures("float64_by_default")
@given(seed=seeds, num_samples=counts, noise_std=st.sampled_from([1e-200, 1.0, 1e200]))
def test_a_draw_in_float64_bears_scales_beyond_float32(any_generator, seed, num_samples, noise_std):
    draw = any_generator.draw(seed, num_samples=num_samples, noise_std=noise_std)
    assert draw.y.dtype is torch.float64
    assert bool(draw.y.isfinite().all())
    assert bool((draw.noise != 0).any())


@given(num_samples=st.integers(3000, 4000), seed=seeds)
def test_the_noise_has_the_spread_that_it_was_given(any_generator, num_samples, seed):
    noise = any_generator.draw(seed, num_samples=num_samples, noise_std=2.0).noise
    bound = 6 / math.sqrt(num_samples)  # six standard errors: one draw in 10^9
    assert abs(float(noise.mean())) < 2 * bound
    assert abs(float(noise.std()) / 2 - 1) < bound
