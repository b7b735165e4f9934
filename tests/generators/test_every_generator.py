"""What holds for every generator there is."""

import inspect
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from descentlab.errors import InputError

seeds = st.integers(0, 2**63 - 1)


@pytest.mark.parametrize("num_samples", [1, 2, 3, 100])
def test_a_draw_has_a_row_a_sample_and_one_target(any_generator, num_samples):
    draw = any_generator.draw(num_samples=num_samples)
    assert draw.x.shape[0] == num_samples
    assert draw.y.shape == draw.noise.shape == draw.law(draw.x).shape == (num_samples, 1)


@given(seed=seeds, num_samples=st.integers(1, 20))
def test_the_same_seed_repeats_the_draw_bit_for_bit(any_generator, seed, num_samples):
    first, second = (any_generator.draw(seed, num_samples=num_samples) for _ in range(2))
    assert torch.equal(first.x, second.x)
    assert torch.equal(first.noise, second.noise)


def test_another_seed_draws_another_noise(any_generator):
    assert not torch.equal(any_generator.draw(0).noise, any_generator.draw(1).noise)


def test_the_global_stream_is_left_alone(any_generator):
    before = torch.get_rng_state()
    any_generator.draw()
    assert torch.equal(torch.get_rng_state(), before)


def test_the_stream_is_the_one_of_the_global_seed(any_generator):
    drawn = any_generator.draw(43052)
    with torch.random.fork_rng():
        torch.manual_seed(43052)
        by_global = any_generator.draw_from(torch.default_generator)
    assert torch.equal(drawn.x, by_global.x)
    assert torch.equal(drawn.noise, by_global.noise)


@given(seed=seeds, noise_std=st.sampled_from([0.0, 1e-12, 1.0, 1e12]))
def test_law_plus_noise_is_y(any_generator, seed, noise_std):
    draw = any_generator.draw(seed, noise_std=noise_std)
    assert torch.equal(draw.law(draw.x) + draw.noise, draw.y)


@given(seed=seeds, noise_std=st.sampled_from([1e-12, 0.3, 1e12]))
def test_the_noise_only_scales_with_its_std(any_generator, seed, noise_std):
    unit, scaled = any_generator.draw(seed, noise_std=1.0), any_generator.draw(seed, noise_std=noise_std)
    assert torch.equal(scaled.x, unit.x)
    assert torch.equal(scaled.noise, noise_std * unit.noise)


def test_without_noise_y_is_the_law(any_generator):
    draw = any_generator.draw(noise_std=0.0)
    assert torch.equal(draw.y, draw.law(draw.x))
    assert draw.noise_std == 0


def test_the_variance_of_the_noise_is_what_the_law_leaves(any_generator):
    draw = any_generator.draw(num_samples=20_000, noise_std=0.5)
    left = (draw.y - draw.law(draw.x)).square().mean().item()
    assert left == pytest.approx(draw.noise_std**2, rel=5 * math.sqrt(2 / 20_000))  # five of its own spreads


def test_the_law_judges_each_sample_on_its_own(any_generator):
    draw = any_generator.draw(num_samples=9)
    torch.testing.assert_close(draw.law(draw.x[3:4]), draw.law(draw.x)[3:4])


def test_the_law_of_a_stack_is_the_stack_of_laws(any_generator):
    draw = any_generator.draw(num_samples=5)
    stack = torch.stack([draw.x, -draw.x, 3 * draw.x])
    torch.testing.assert_close(torch.func.vmap(draw.law)(stack), torch.stack([draw.law(x) for x in stack]))


def test_the_law_is_its_modules_own(any_generator):
    law = any_generator.draw().law
    assert getattr(law, "func", law) is inspect.getmodule(any_generator.function).law


@given(seed=seeds)
def test_known_coefficients_are_those_of_the_law(any_generator, seed):
    draw = any_generator.draw(seed)
    if draw.coefficients is None:
        return
    w0, *slopes = draw.coefficients
    num_features = draw.x.shape[1]
    columns = draw.x if num_features > 1 else torch.cat([draw.x ** (k + 1) for k in range(len(slopes))], dim=1)
    expected = w0 + columns @ torch.tensor(slopes).unsqueeze(1)
    torch.testing.assert_close(draw.law(draw.x), expected, rtol=1e-5, atol=1e-5)


def test_a_wrong_count_of_coefficients_is_refused(any_generator):
    if not any_generator.takes_coefficients:
        return
    with pytest.raises(InputError, match=r"data\.coefficients: expected \d numbers .* came 9"):
        any_generator.draw(coefficients=[1.0] * 9)


@pytest.mark.parametrize("setting", ["num_samples", "noise_std"])
def test_the_common_settings_are_given_by_keyword_and_have_no_default(any_generator, setting):
    parameter = inspect.signature(any_generator.function).parameters[setting]
    assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
    assert parameter.default is inspect.Parameter.empty


@pytest.mark.usefixtures("float64_by_default")
@given(seed=seeds)
def test_a_generator_draws_in_the_default_dtype(any_generator, seed):
    draw = any_generator.draw(seed)
    assert draw.x.dtype is draw.y.dtype is torch.float64
