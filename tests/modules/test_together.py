"""Processes that train together divide the samples of a batch: each sample once, none left out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from descentlab.modules.together import highest, predict_in_shares, share_of


@given(num_samples=st.integers(1, 200), num_processes=st.integers(1, 40))
def test_every_sample_is_in_one_share(num_samples, num_processes):
    shares = [share_of(num_samples, rank, num_processes) for rank in range(num_processes)]
    assert [sample for share in shares for sample in share] == list(range(num_samples))


@given(num_samples=st.integers(1, 200), num_processes=st.integers(1, 40))
def test_the_largest_share_is_as_small_as_can_be(num_samples, num_processes):
    largest = max(len(share_of(num_samples, rank, num_processes)) for rank in range(num_processes))
    assert largest == -(-num_samples // num_processes)


@pytest.mark.parametrize(
    ("rank", "expected"),
    [(0, range(2)), (1, range(2, 4)), (2, range(4, 5)), (3, range(5, 5))],
    ids=["full", "full too", "rest", "none"],
)
def test_of_five_samples_four_processes_take_two_two_one_and_none(rank, expected):
    assert share_of(5, rank, 4) == expected


def test_one_process_predicts_all_samples_and_asks_nobody():
    net, x = nn.Linear(2, 1), torch.randn(5, 2)
    assert torch.equal(predict_in_shares(net, x), net(x))
    assert highest(7, torch.device("cpu")) == 7
