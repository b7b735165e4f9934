"""The loader that Lightning iterates over: epochs of batches of the training points."""

import pytest
import torch

from descentlab.data.table import TableDataModule

TEN = [float(k) for k in range(10)]


def epochs(batch_size: int | None, num_epochs: int) -> list[list[torch.Tensor]]:
    data = TableDataModule(x=TEN, y=TEN, batch_size=batch_size, seed=3)
    return [[x for x, _ in data.train_dataloader()] for _ in range(num_epochs)]


@pytest.mark.parametrize(
    ("batch_size", "sizes"), [(None, [10]), (10, [10]), (25, [10]), (4, [4, 4, 2]), (1, [1] * 10)], ids=str
)
def test_an_epoch_is_cut_into_batches(batch_size, sizes):
    assert [len(batch) for batch in epochs(batch_size, 1)[0]] == sizes


@pytest.mark.parametrize("batch_size", [None, 3])
def test_every_epoch_sees_every_sample_once(batch_size):
    for batches in epochs(batch_size, 3):
        assert sorted(torch.cat(batches)[:, 0].tolist()) == TEN


def test_every_epoch_is_shuffled_anew():
    first, second = (torch.cat(batches) for batches in epochs(3, 2))
    assert not torch.equal(first, second)


def test_the_length_of_the_loader_is_its_number_of_batches():
    data = TableDataModule(x=TEN, y=TEN, batch_size=4)
    assert len(data.train_dataloader()) == len(list(data.train_dataloader())) == 3


def test_a_saved_position_goes_on_with_the_same_batches():
    first, second = (TableDataModule(x=TEN, y=TEN, batch_size=3, seed=1) for _ in range(2))
    for _ in range(5):  # into the second epoch
        first.batches.next()
    second.load_state_dict(first.state_dict())
    for _ in range(9):
        assert torch.equal(first.batches.next()[0], second.batches.next()[0])


def test_looking_at_the_next_batch_does_not_take_it():
    batches = TableDataModule(x=TEN, y=TEN, batch_size=3).batches
    seen = [batches.peek()[0] for _ in range(2)]
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(batches.next()[0], seen[0])


def test_points_that_are_not_there_have_no_loader():
    data = TableDataModule(x=TEN, y=TEN)
    data.setup()
    assert data.val_dataloader() == data.test_dataloader() == []


def on_meta(data: TableDataModule, num_batches: int) -> list[torch.Tensor]:
    """Inputs of batches as they arrive on another device; meta holds no numbers, and is on every machine."""
    batches = [data.batches.next() for _ in range(num_batches)]
    return [data.transfer_batch_to_device(batch, torch.device("meta"), 0)[0] for batch in batches]


def test_the_full_batch_moves_to_its_device_once():
    first, second = on_meta(TableDataModule(x=TEN, y=TEN), 2)
    assert first.device == torch.device("meta")
    assert first is second


def test_other_batches_move_each_on_their_own():
    data = TableDataModule(x=TEN, y=TEN, batch_size=4)
    assert [len(x) for x in on_meta(data, 3)] == [4, 4, 2]
    held_out = data.transfer_batch_to_device((torch.zeros(2, 1), torch.zeros(2, 1)), torch.device("meta"), 0)
    assert len(held_out[0]) == 2
