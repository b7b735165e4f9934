"""Torch's global generators: kept, put back, and begun from a seed."""

import pytest
import torch

from descentlab.engines.drawing import CPU, drawing, generator_states, set_generator_states

DEVICES = [
    "cpu",
    pytest.param(
        "cuda:0",
        marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")],
    ),
]


@pytest.fixture(params=DEVICES)
def device(request):
    return torch.device(request.param)


def numbers(device):
    return torch.cat([torch.randn(5), torch.randn(5, device=device).cpu()])


def test_a_state_put_back_gives_the_same_numbers_again(device):
    states = generator_states(device)
    first = numbers(device)
    assert not torch.equal(numbers(device), first)
    set_generator_states(states, device)
    assert torch.equal(numbers(device), first)


def test_a_seed_gives_the_numbers_that_torch_gives(device):
    before = generator_states(device)
    with drawing(7, device):
        found = numbers(device)
    after = generator_states(device)
    assert after.keys() == before.keys() == {"cpu", device.type}
    assert all(torch.equal(after[kind], state) for kind, state in before.items())
    with torch.random.fork_rng():
        torch.manual_seed(7)
        assert torch.equal(numbers(device), found)


def test_a_state_of_a_device_that_is_not_there_is_left_out():
    states = generator_states(CPU)
    first = numbers(CPU)
    set_generator_states({**states, "cuda": torch.zeros(16, dtype=torch.uint8)}, CPU)
    assert torch.equal(numbers(CPU), first)
