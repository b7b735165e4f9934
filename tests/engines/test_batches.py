import pytest
import torch
from engine_cases import assert_same, data

from descentlab.engines.batches import FullBatch, ShuffledBatches
from descentlab.errors import InputError


def test_full_batch_gives_the_same_tensor_objects_each_time():
    x, y = data()
    batches = FullBatch(x, y)
    assert batches.is_full
    assert batches.next()[0] is x
    assert batches.next()[1] is y


def test_an_epoch_gives_each_sample_once():
    x, y = data(50)
    batches = ShuffledBatches(x, y, 16, seed=1)
    epoch = torch.cat([batches.next()[0] for _ in range(4)])
    assert_same(epoch.flatten().sort().values, x.flatten())


def test_the_last_batch_of_an_epoch_is_smaller():
    batches = ShuffledBatches(*data(50), 16, seed=1)
    assert [len(batches.next()[0]) for _ in range(8)] == [16, 16, 16, 2] * 2


@pytest.mark.parametrize("num_features", [1, 3])
def test_epochs_are_shuffled_by_randperm_from_the_seed(num_features):
    x, y = torch.randn(50, num_features), data(50)[1]
    batches = ShuffledBatches(x, y, 50, seed=5)
    generator = torch.Generator().manual_seed(5)
    for _ in range(3):
        order = torch.randperm(50, generator=generator)
        assert_same(batches.next(), (x[order], y[order]))
    assert_same(batches.generator.get_state(), generator.get_state())
    assert batches.peek()[0].stride() == x.stride()


def test_inputs_and_targets_stay_together():
    x, _ = data(50)
    left, right = ShuffledBatches(x, 2 * x, 7, seed=1).next()
    assert_same(right, 2 * left)


def test_peek_gives_the_next_batch_without_moving_on():
    batches = ShuffledBatches(*data(50), 16, seed=1)
    for _ in range(9):
        assert_same(batches.peek(), batches.peek())
        seen = batches.peek()
        assert_same(batches.next(), seen)


@pytest.mark.parametrize("num_before", [0, 3, 4, 5])
def test_a_loaded_state_continues_the_sequence(num_before):
    batches = ShuffledBatches(*data(50), 16, seed=1)
    for _ in range(num_before):
        batches.next()
    state = batches.state_dict()
    expected = [batches.next() for _ in range(10)]
    other = ShuffledBatches(*data(50), 16, seed=99)
    other.load_state_dict(state)
    assert_same([other.next() for _ in range(10)], expected)


@pytest.mark.parametrize("num_batches", [0, 3, 4, 9])
def test_a_place_is_found_by_the_batches_before_it(num_batches):
    walked, sought = (ShuffledBatches(*data(50), 16, seed=1) for _ in range(2))
    for _ in range(num_batches):
        walked.next()
    for _ in range(6):
        sought.next()
    sought.seek(num_batches)
    assert_same([sought.next() for _ in range(5)], [walked.next() for _ in range(5)])


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_size_below_one_is_refused(batch_size):
    with pytest.raises(InputError, match=f"batch_size must be at least 1, not {batch_size}"):
        ShuffledBatches(*data(), batch_size, seed=1)


def test_unequal_numbers_of_samples_are_refused():
    x, y = data(50)
    with pytest.raises(InputError, match="x has 50 and y has 49"):
        FullBatch(x, y[:-1])
