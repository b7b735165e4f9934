import pytest
from engine_cases import OPTIMIZERS, assert_same, plain_loop, problem, state
from torch import nn, optim

from descentlab.engines.eager import EagerEngine


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_restored_problem_takes_the_same_steps_again(optimizer):
    ours = problem("tanh", optimizer, batch_size=16, scheduler=lambda o: optim.lr_scheduler.StepLR(o, 5))
    plain_loop(ours, 7)
    snapshot = ours.snapshot()
    losses, after = plain_loop(ours, 9), state(ours)
    ours.restore(snapshot)
    assert_same(plain_loop(ours, 9), losses)
    assert_same(state(ours), after)


def test_a_snapshot_serves_more_than_once():
    ours = problem(optimizer="adam")
    plain_loop(ours, 3)
    snapshot = ours.snapshot()
    ends = []
    for _ in range(2):
        ours.restore(snapshot)
        plain_loop(ours, 5)
        ends.append(state(ours))
    assert_same(*ends)


def test_restoring_to_before_the_first_step_leaves_an_empty_optimizer_state():
    ours = problem(optimizer="adam")
    snapshot = ours.snapshot()
    plain_loop(ours, 3)
    ours.restore(snapshot)
    assert ours.optimizer.state_dict()["state"] == {}


def test_a_snapshot_holds_buffers_and_the_draws_of_dropout():
    def net():
        return nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))

    ours = problem(net)
    snapshot = ours.snapshot()
    losses, after = plain_loop(ours, 9), state(ours)
    ours.restore(snapshot)
    assert_same(plain_loop(ours, 9), losses)
    assert_same(state(ours), after)


def test_a_snapshot_taken_in_one_problem_resumes_another():
    first, second = problem("wide", "adamw", batch_size=16), problem("wide", "adamw", batch_size=16, seed=2)
    EagerEngine(first).advance(12)
    second.restore(first.snapshot())
    assert_same(EagerEngine(second).advance(12).losses, EagerEngine(first).advance(12).losses)
