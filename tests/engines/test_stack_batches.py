"""Side by side, members walk through their points as each does alone."""

import pytest
import torch
from engine_cases import assert_same, data

from descentlab.engines.batches import ShuffledBatches
from descentlab.engines.stack_batches import FullStackBatch, ShuffledStackBatches


def members(num_samples: int = 50, batch_size: int = 16) -> list[ShuffledBatches]:
    return [ShuffledBatches(*data(num_samples, seed=seed), batch_size, seed=seed) for seed in (1, 2, 9)]


def lone_batches(count: int, first: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    walks = [[each.next() for _ in range(first + count)] for each in members()]
    return [tuple(map(torch.stack, zip(*together, strict=True))) for together in zip(*walks, strict=True)][first:]


def test_the_batches_are_those_of_each_member():
    batches = ShuffledStackBatches(members())
    assert_same([batches.next() for _ in range(11)], lone_batches(11))


def test_one_member_has_batches_of_all_its_features():
    x, y = torch.randn(50, 3), torch.randn(50, 2)
    alone = ShuffledBatches(x, y, 16, seed=4)
    batches = ShuffledStackBatches([ShuffledBatches(x, y, 16, seed=4)])
    for _ in range(9):
        assert_same(batches.next(), tuple(part[None] for part in alone.next()))


def test_looking_at_the_next_batch_does_not_take_it():
    batches = ShuffledStackBatches(members())
    for expected in lone_batches(9):
        assert_same(batches.peek(), expected)
        assert_same(batches.next(), expected)


@pytest.mark.parametrize("num_before", [0, 3, 4, 5])
def test_a_loaded_state_goes_back_to_its_place(num_before):
    batches = ShuffledStackBatches(members())
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
    batches = ShuffledStackBatches(together)
    for _ in range(num_drawn):
        batches.next()
    steps = [2, 4, num_drawn]
    batches.place(torch.tensor(steps))
    for member, alone, step in zip(together, members(), steps, strict=True):
        for _ in range(step):
            alone.next()
        assert_same([member.next() for _ in range(5)], [alone.next() for _ in range(5)])


def test_some_members_and_each_alone_begin_anew():
    batches = ShuffledStackBatches(members())
    for _ in range(6):
        batches.next()
    x, y = lone_batches(1)[0]
    assert_same(batches.of([2, 0]).next(), (x[[2, 0]], y[[2, 0]]))
    assert_same(batches.alone(1).next(), (x[1], y[1]))
    assert_same(batches.next(), lone_batches(1, first=6)[0])


def test_batches_on_a_device_are_the_same(device):
    there = ShuffledStackBatches(members()).to(device)
    for expected in lone_batches(9):
        batch = there.next()
        assert {part.device for part in batch} == {device}
        assert_same(tuple(part.cpu() for part in batch), expected)


def full(are_shared: bool) -> tuple[FullStackBatch, list[tuple[torch.Tensor, torch.Tensor]]]:
    points = [data(seed=1 if are_shared else seed) for seed in (1, 2, 9)]
    together = points[0] if are_shared else tuple(map(torch.stack, zip(*points, strict=True)))
    return FullStackBatch(*together), points


@pytest.mark.parametrize("are_shared", [False, True])
def test_full_batches_are_all_points_of_each_member(are_shared):
    batches, points = full(are_shared)
    assert batches.next()[0] is batches.peek()[0]
    for member, own in enumerate(points):
        assert_same(batches.alone(member).next(), own)
        x, y = batches.of([member, 0]).next()
        assert_same((x, y) if are_shared else (x[0], y[0]), own)
        assert len(x) == (len(own[0]) if are_shared else 2)


@pytest.mark.parametrize("are_shared", [False, True])
def test_full_batches_on_a_device_are_the_same_and_their_parts_lie_on_the_cpu(are_shared, device):
    batches, points = full(are_shared)
    there = batches.to(device)
    assert {part.device for part in there.next()} == {device}
    assert_same(tuple(part.cpu() for part in there.next()), batches.next())
    assert_same(there.alone(1).next(), points[1])
    assert_same(there.of([1, 2]).next(), batches.of([1, 2]).next())
