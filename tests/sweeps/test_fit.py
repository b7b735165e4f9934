"""The rates that the members of a stack are given: those of their schedulers, in closed form."""

from typing import Any

import pytest
import torch

from descentlab.sweeps.fit import schedule, schedules


def halving(lr: float, gamma: float, max_steps: int) -> dict[str, Any]:
    """Settings of a rate that is multiplied by gamma after every second step."""
    scheduler = {"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": 2, "gamma": gamma}
    return {"optimizer": {"lr": lr}, "scheduler": scheduler, "trainer": {"max_steps": max_steps}}


CONSTANT = {"optimizer": {"lr": 0.1}, "scheduler": {"_target_": None}, "trainer": {"max_steps": 5}}


def test_each_member_has_a_column_of_its_own_rates_up_to_the_last_step_of_all():
    chosen = [(0.1, 0.5, 3), (0.1, 0.25, 5), (0.3, 0.5, 4), (0.1, 0.5, 5)]
    rates = schedules([halving(*each) for each in chosen])
    expected = [[lr * gamma ** (step // 2) for lr, gamma, _ in chosen] for step in range(5)]
    assert rates is not None
    assert rates.is_contiguous()
    torch.testing.assert_close(rates, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=0)


@pytest.mark.parametrize("num_members", [1, 2])
def test_members_without_a_scheduler_have_no_rates_by_step(num_members):
    assert schedules([CONSTANT] * num_members) is None


def test_a_run_has_the_rates_of_its_scheduler_or_its_only_one():
    assert schedule(halving(0.8, 0.5, 5), 5) == [0.8, 0.8, 0.4, 0.4, 0.2]
    assert schedule(CONSTANT, 5) == [0.1]
