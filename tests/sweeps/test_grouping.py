"""Which jobs are stacked together."""

from collections.abc import Callable, Sequence

import pytest

from descentlab.sweeps.compose import Job
from descentlab.sweeps.grouping import group_jobs

MakeJobs = Callable[[Sequence[Sequence[str]]], list[Job]]

TOGETHER = {
    "seeds": ("seed=1", "seed=2"),
    "seeds of their own": ("data.seed=1", "model.seed=2"),
    "rates": ("optimizer.lr=0.1", "optimizer.lr=0.2"),
    "noise": ("data.noise_std=0.0", "data.noise_std=0.2"),
    "steps": ("trainer.max_steps=5", "trainer.max_steps=9"),
    "weight decays": ("optimizer.weight_decay=0.1", "optimizer.weight_decay=0.2"),
    "seeds on a GPU": ("trainer=gpu seed=1", "trainer=gpu seed=2"),
    "shuffling orders": ("data.batch_size=10 seed=1", "data.batch_size=10 seed=2"),
}
APART = {
    "widths": ("model.hidden_width=2", "model.hidden_width=3"),
    "sample counts": ("data.num_samples=10", "data.num_samples=11"),
    "batch sizes": ("data.batch_size=10", "data.batch_size=20"),
    "biases": ("model.bias=true", "model.bias=false"),
    "losses": ("loss=mse", "loss=sse"),
    "optimisers": ("optimizer=sgd", "optimizer=adam"),
    "no weight decay and some": ("optimizer.weight_decay=0.0", "optimizer.weight_decay=0.2"),
    "devices": ("trainer=cpu", "trainer=gpu"),
    "recorded steps": ("history.every=1", "history.every=2"),
}
ALONE = {
    "optimizer=lbfgs": "LBFGS has no stacked update",
    "trainer.engine=lightning": "trainer.engine=lightning",
    "trainer.gradient_clip_val=1.0": "trainer.gradient_clip_val is set",
    "+trainer.profiler=simple": "trainer.profiler is set",
    "trainer.strategy=ddp": "it asks for devices of its own",
    "+callbacks.mine={_target_: lightning.pytorch.callbacks.DeviceStatsMonitor}": "callbacks.mine may need the lone",
    "+callbacks.mine={_target_: descentlab.callbacks.history.History,every: 1}": "callbacks.mine may need the lone",
}


@pytest.mark.parametrize("pair", TOGETHER.values(), ids=TOGETHER)
def test_jobs_that_differ_in_values_form_one_stack(pair: tuple[str, str], make_jobs: MakeJobs) -> None:
    (group,) = group_jobs(make_jobs([each.split() for each in pair]))
    assert group.reason is None
    assert [job.number for job in group.jobs] == [0, 1]


@pytest.mark.parametrize("pair", APART.values(), ids=APART)
def test_jobs_that_differ_in_shape_or_rule_form_stacks_of_their_own(pair: tuple[str, str], make_jobs: MakeJobs) -> None:
    groups = group_jobs(make_jobs([[each] for each in (*pair, pair[0])]))
    assert [[job.number for job in group.jobs] for group in groups] == [[0, 2], [1]]


def test_jobs_that_stop_early_form_one_stack(make_jobs: MakeJobs) -> None:
    (group,) = group_jobs(make_jobs([["callbacks=[default,early_stopping]", f"seed={seed}"] for seed in (1, 2)]))
    assert group.reason is None


@pytest.mark.parametrize(("override", "reason"), ALONE.items(), ids=ALONE)
def test_a_job_that_cannot_be_stacked_says_why(override: str, reason: str, make_jobs: MakeJobs) -> None:
    (group,) = group_jobs(make_jobs([[override]]))
    assert group.reason is not None
    assert group.reason.startswith(reason)
