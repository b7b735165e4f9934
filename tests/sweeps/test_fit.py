"""The rates that the members of a stack are given: those of their schedulers, in closed form."""

from typing import Any

import pytest
import torch

from descentlab.engines.record import CannotRecord
from descentlab.sweeps.fit import fit_stack, schedule, schedules
from descentlab.sweeps.members import members


def halving(lr: float, gamma: float, max_steps: int) -> dict[str, Any]:
    """Settings of a rate that is multiplied by gamma after every second step."""
    scheduler = {"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": 2, "gamma": gamma}
    return {"optimizer": sgd(lr), "scheduler": scheduler, "trainer": {"max_steps": max_steps}}


def sgd(lr: float, **more: float) -> dict[str, Any]:
    return {"_target_": "torch.optim.SGD", "lr": lr, **more}


CONSTANT = {"optimizer": sgd(0.1), "scheduler": {"_target_": None}, "trainer": {"max_steps": 5}}


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


def test_a_member_without_a_scheduler_keeps_its_rate_beside_one_that_has_one():
    rates = schedules([CONSTANT, halving(0.8, 0.5, 3)])
    assert rates is not None
    assert rates.tolist() == [[0.1, 0.8], [0.1, 0.8], [0.1, 0.4], [0.1, 0.4], [0.1, 0.2]]


@pytest.mark.parametrize(
    "scheduler",
    [
        {"_target_": "torch.optim.lr_scheduler.CyclicLR", "base_lr": 0.01, "max_lr": 0.1},
        {"_target_": "torch.optim.lr_scheduler.OneCycleLR", "max_lr": 0.1, "total_steps": 9},
    ],
)
def test_a_schedule_of_more_than_the_rate_is_not_stacked(scheduler):
    settings = {"optimizer": sgd(0.1, momentum=0.9), "scheduler": scheduler, "trainer": {"max_steps": 5}}
    with pytest.raises(CannotRecord, match="the schedule changes more than the learning rate"):
        schedules([settings])


LIKE = ["model=relu_net", "trainer.max_steps=3"]
UNLIKE = {
    "loss": (["loss=mae"], "their losses differ"),
    "settings of the loss": (["loss=huber", "loss.delta=2"], "their losses differ"),
    "optimiser": (["optimizer=adam"], "their optimisers differ"),
    "a kind of update": (["optimizer=momentum", "optimizer.nesterov=true"], "their optimisers differ"),
    "activation": (["model.activation=tanh"], "their nets differ in"),
    "clipping": (["trainer.gradient_clip_val=0.1"], "trainer.gradient_clip_val is set"),
    "average": (["callbacks=[default,ema]"], "callbacks.ema may need the lone module"),
    "early stopping": (["callbacks=[default,early_stopping]"], "their early stopping differs"),
}


@pytest.mark.parametrize(("overrides", "reason"), UNLIKE.values(), ids=UNLIKE)
def test_members_that_one_net_and_one_update_do_not_serve_are_refused(overrides, reason):
    base = [*LIKE, "loss=huber"] if "loss.delta=2" in overrides else LIKE
    base = [*base, "optimizer=momentum"] if "optimizer=momentum" in overrides else base
    with pytest.raises(CannotRecord, match=reason):
        fit_stack(members([[*base, "seed=1"], [*base, *overrides, "seed=2"]]))


def test_members_are_stopped_early_as_their_lone_runs_are(trained):
    stopping = ["model=linear", "data=noise", "callbacks=[default,early_stopping]", "trainer.max_steps=1000"]
    stopping += ["callbacks.early_stopping.patience=2"]
    jobs = [[*stopping, f"seed={seed}"] for seed in (1, 2)]
    stack = fit_stack(members(jobs)).module.stack
    assert stack.steps.tolist() == [trained(*job).result["num_steps"] for job in jobs]
    assert max(stack.steps) < 1000
