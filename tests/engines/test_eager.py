import pytest
import torch
from engine_cases import OPTIMIZERS, OTHER_OPTIMIZERS, assert_same, plain_loop, problem, state
from torch import nn, optim

from descentlab.engines.eager import EagerEngine


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, *OTHER_OPTIMIZERS])
def test_leaves_what_a_hand_written_loop_leaves(optimizer):
    plain, ours = problem(optimizer=optimizer), problem(optimizer=optimizer)
    losses = plain_loop(plain, 50)
    trace = EagerEngine(ours).advance(50)
    assert_same(trace.losses, losses)
    assert_same(state(ours), state(plain))


def test_lets_lbfgs_call_the_net_as_often_as_it_likes():
    def make(parameters):
        return optim.LBFGS(parameters, lr=0.5, max_iter=4)

    plain, ours = problem("tanh", make), problem("tanh", make)
    x, y = plain.batches.next()

    def closure():
        plain.optimizer.zero_grad()
        loss = plain.loss(plain.net(x), y)
        loss.backward()
        return loss

    losses = torch.stack([plain.optimizer.step(closure).detach() for _ in range(5)])
    assert_same(EagerEngine(ours).advance(5).losses, losses)
    assert_same(ours.net.state_dict(), plain.net.state_dict())


def test_draws_the_dropout_of_a_hand_written_loop():
    def net():
        return nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.5), nn.Linear(8, 1))

    plain = problem(net)
    losses = plain_loop(plain, 20)
    assert_same(EagerEngine(problem(net)).advance(20).losses, losses)


def test_records_the_parameters_before_the_updates_asked_for():
    ours, plain = problem(), problem()
    trace = EagerEngine(ours).advance(10, rows=range(0, 10, 4))
    rows = []
    for _ in range(3):
        rows.append(plain.flat_parameters())
        plain_loop(plain, 4)
    assert_same(trace.parameters, torch.stack(rows))


def test_leaves_no_gradients_behind():
    ours = problem()
    EagerEngine(ours).advance(3)
    assert all(parameter.grad is None for parameter in ours.net.parameters())


def test_performs_no_step_when_asked_for_none():
    ours = problem()
    before = state(ours)
    trace = EagerEngine(ours).advance(0)
    assert (trace.num_steps, len(trace.losses), trace.diverged) == (0, 0, False)
    assert_same(state(ours), before)
