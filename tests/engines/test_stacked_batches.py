"""Side by side, members walk through their points as each does alone."""

import pytest
import torch
from engine_cases import assert_same, data

from descentlab.engines.batches import ShuffledBatches
from descentlab.engines.stacked_batches import StackedBatches


def members(num_samples: int = 50, batch_size: int = 16) -> list[ShuffledBatches]:
    return [ShuffledBatches(*data(num_samples, seed=seed), batch_size, seed=seed) for seed in (1, 2, 9)]


def lone_batches(count: int, first: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    walks = [[each.next() for _ in range(first + count)] for each in members()]
    return [tuple(map(torch.stack, zip(*together, strict=True))) for together in zip(*walks, strict=True)][first:]


def test_the_batches_are_those_of_each_member():
    batches = StackedBatches(members())
    assert_same([batches.next() for _ in range(11)], lone_batches(11))


def test_looking_at_the_next_batch_does_not_take_it():
    batches = StackedBatches(members())
    for expected in lone_batches(9):
        assert_same(batches.peek(), expected)
        assert_same(batches.next(), expected)


@pytest.mark.parametrize("num_before", [0, 3, 4, 5])
def test_a_loaded_state_goes_back_to_its_place(num_before):
    batches = StackedBatches(members())
    for _ in range(num_before):
        batches.next()
    state = batches.state_dict()
    for _ in range(10):
        batches.next()
    batches.load_state_dict(state)
    assert_same([batches.next() for _ in range(6)], lone_batches(6, first=num_before))


@pytest.mark.parametrize("num_drawn", [3, 4, 7, 8])
def test_each_member_is_left_at_a_place_of_its_own(num_drawn):
    together = members()
    batches = StackedBatches(together)
    for _ in range(num_drawn):
        batches.next()
    steps = [2, 4, num_drawn]
    batches.place(torch.tensor(steps))
    for member, alone, step in zip(together, members(), steps, strict=True):
        for _ in range(step):
            alone.next()
        assert_same([member.next() for _ in range(5)], [alone.next() for _ in range(5)])
