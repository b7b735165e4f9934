"""The tables of a stack's hyperparameters hold what the update rules ask for, rounded once; descent adds -lr times."""

import pytest
import torch
from engine_cases import assert_same
from torch import optim

from descentlab.engines.member_numbers import MemberNumbers
from descentlab.engines.updates import RULES

NUM_MEMBERS, NUM_STEPS = 3, 7
RATES = torch.tensor([0.1, 0.02, 0.003], dtype=torch.float64)
MOMENTA = torch.tensor([0.9, 0.8, 0.1], dtype=torch.float64)
SCHEDULE = torch.linspace(0.1, 0.01, NUM_STEPS, dtype=torch.float64)


def numbers(optimizer=optim.SGD, schedule=None, dtype=torch.float32, **given):
    return MemberNumbers(optimizer, RULES[optimizer], given, schedule, NUM_MEMBERS, dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("schedule", "columns"),
    [(SCHEDULE, SCHEDULE[:, None]), (SCHEDULE[:, None] * RATES, SCHEDULE[:, None] * RATES)],
    ids=["shared", "a member"],
)
def test_the_table_of_a_schedule_is_that_part_of_it(schedule, columns, dtype):
    assert_same(numbers(schedule=schedule, dtype=dtype).table(2, 6), -columns[2:6, None].to(dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("lr", [0.1, RATES], ids=["shared", "a member"])
def test_a_constant_rate_is_in_each_row(lr, dtype):
    column = torch.as_tensor(lr, dtype=torch.float64).expand(1 if isinstance(lr, float) else NUM_MEMBERS)
    assert_same(numbers(lr=lr, dtype=dtype).table(4, 6), -column.expand(2, 1, -1).to(dtype))


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_numbers_of_some_members_and_numbers_of_all_share_a_table(dtype, rtol):
    """Adam's two numbers of a step: a learning rate a member, and beta 2's bias correction, which all share."""
    found = numbers(optim.Adam, lr=RATES, dtype=dtype).table(0, 5)
    correction = (1 - 0.999 ** torch.arange(1, 6, dtype=torch.float64)).sqrt()
    assert found.shape == (5, 2, NUM_MEMBERS)
    shared = correction[:, None].expand(-1, NUM_MEMBERS).to(dtype)
    assert any(torch.allclose(found[:, k], shared, rtol=rtol, atol=0) for k in range(2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("momentum", [0.9, MOMENTA], ids=["shared", "a member"])
def test_fixed_numbers_are_a_column_a_member_or_one_for_all(momentum, dtype):
    found = numbers(lr=0.1, momentum=momentum, dtype=dtype).fixed_columns()
    expected = torch.as_tensor(momentum, dtype=torch.float64).reshape(-1).to(dtype)
    assert any(torch.equal(row, expected) for row in found)


def test_no_steps_have_no_numbers():
    assert numbers(schedule=SCHEDULE).table(3, 3).numel() == 0
