"""The line of lesson 2: the draws of the lesson, and its shape trap."""

import pytest
import torch

from descentlab.generators.line import line, line_in_chunks


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


def chunks(num_samples, chunk_size, noise_std=0.4):
    stream = torch.Generator().manual_seed(3)
    given = {"num_samples": num_samples, "chunk_size": chunk_size, "noise_std": noise_std, "coefficients": [2.5, 4.0]}
    return line_in_chunks(stream, **given)


def test_one_chunk_is_the_line_unsorted():
    whole = line(torch.Generator().manual_seed(3), num_samples=100, noise_std=0.4, coefficients=[2.5, 4.0])
    ((x, y),) = chunks(100, 1000)
    assert torch.equal(x.sort(dim=0).values, whole.x)
    noise = torch.Generator().manual_seed(3)
    expected = 2.5 + 4 * torch.randn(100, 1, generator=noise) + 0.4 * torch.randn(100, 1, generator=noise)
    torch.testing.assert_close(y, expected)


@pytest.mark.parametrize(("num_samples", "chunk_size"), [(10, 4), (12, 4), (3, 4), (1, 1)])
def test_the_chunks_hold_all_points_in_the_memory_of_one(num_samples, chunk_size):
    sizes, places = [], set()
    for x, y in chunks(num_samples, chunk_size, noise_std=0.0):
        torch.testing.assert_close(y, 2.5 + 4 * x)
        sizes.append(len(x))
        places.add((x.data_ptr(), y.data_ptr()))
    assert sum(sizes) == num_samples
    assert max(sizes) <= chunk_size
    assert len(places) == 1
