"""The recorded engine does what the eager one does, or says why it cannot."""

import pytest
import torch
from engine_cases import (
    LOSSES,
    NETS,
    OPTIMIZERS,
    OTHER_OPTIMIZERS,
    Steep,
    assert_same,
    one_two_one,
    plain_loop,
    problem,
    state,
)
from torch import nn, optim

from descentlab.engines.recorded import RecordedEngine

SCHEDULES = {
    "step": lambda o: optim.lr_scheduler.StepLR(o, 20, 0.5),
    "cosine": lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 50),
    "lambda": lambda o: optim.lr_scheduler.LambdaLR(o, lambda step: 1 / (1 + step)),
    "sequential": lambda o: optim.lr_scheduler.SequentialLR(
        o,
        [optim.lr_scheduler.ConstantLR(o, 0.5, 9), optim.lr_scheduler.ExponentialLR(o, 0.99)],
        milestones=[10],
    ),
}


def assert_like_plain(make, num_steps=200, pieces=(3, 90)):
    """The same bits as the plain loop: losses, parameters, and all state, advancing piece by piece."""
    plain = make()
    losses = plain_loop(plain, num_steps)
    expected = state(plain)
    ours = make()
    engine = RecordedEngine(ours)
    traces = [engine.advance(piece).losses for piece in (*pieces, num_steps - sum(pieces))]
    assert engine.reason is None
    assert_same(torch.cat(traces), losses)
    assert_same(state(ours), expected)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("net", NETS)
def test_leaves_the_bits_of_a_hand_written_loop(net, optimizer, loss):
    assert_like_plain(lambda: problem(net, optimizer, loss))


@pytest.mark.parametrize("optimizer", OTHER_OPTIMIZERS)
def test_hands_the_gradients_to_an_optimizer_without_a_rule(optimizer):
    assert_like_plain(lambda: problem("tanh", optimizer))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "rprop"])
def test_follows_a_schedule(optimizer, schedule):
    assert_like_plain(lambda: problem("tanh", optimizer, scheduler=SCHEDULES[schedule]))


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam", "adamax"])
@pytest.mark.parametrize("batch_size", [1, 16, 50])
def test_follows_shuffled_batches_with_a_smaller_last_one(optimizer, batch_size):
    assert_like_plain(lambda: problem("tanh", optimizer, batch_size=batch_size))


def test_draws_the_dropout_of_the_plain_loop():
    assert_like_plain(lambda: problem(lambda: nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.3), nn.Linear(8, 1))))


def test_keeps_the_rates_of_parameter_groups_apart():
    def make(parameters):
        groups = [{"params": parameters[:1], "lr": 0.1}, {"params": parameters[1:], "weight_decay": 0.1}]
        return optim.Adam(groups, lr=0.01)

    assert_like_plain(lambda: problem("tanh", make, scheduler=SCHEDULES["step"]))


def test_leaves_a_frozen_parameter_alone():
    def net():
        made = one_two_one()
        made[0].weight.requires_grad_(False)
        return made

    assert_like_plain(lambda: problem(net, "momentum"))


class WithUnused(nn.Module):
    def __init__(self):
        super().__init__()
        self.used = nn.Linear(1, 1)
        self.unused = nn.Linear(1, 1)

    def forward(self, x):
        return self.used(x)


@pytest.mark.parametrize("optimizer", ["adamw", "momentum", "rprop"])
def test_leaves_a_parameter_alone_on_which_the_loss_does_not_depend(optimizer):
    assert_like_plain(lambda: problem(WithUnused, optimizer))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(1, 1)
        self.second = nn.Linear(1, 1)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(torch.tanh(self.first(x)))


def test_updates_a_shared_parameter_once():
    assert_like_plain(lambda: problem(Tied, "adam"))


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 4)

    def forward(self, x):
        hidden = self.linear(x)
        parts = (hidden * 2).relu_().chunk(2, dim=1)
        return (parts[0] - parts[1]).sum(dim=1, keepdim=True).clone().mul_(0.5)


def test_replays_in_place_operations_and_several_outputs():
    assert_like_plain(lambda: problem(InPlace, "adam"))


class ConstantGradient(nn.Module):
    """A prediction whose gradient for the offset is the same at every step with an L1 loss far away."""

    def __init__(self):
        super().__init__()
        self.offset = nn.Parameter(torch.tensor([100.0]))

    def forward(self, x):
        return x + self.offset


@pytest.mark.parametrize("optimizer", ["momentum", "adam", "rprop"])
def test_replays_gradients_that_do_not_change(optimizer):
    assert_like_plain(lambda: problem(ConstantGradient, optimizer, loss="l1"))


def test_works_in_double_precision():
    def net():
        return one_two_one().double()

    def make():
        ours = problem(net, "adam")
        ours.batches.x, ours.batches.y = ours.batches.x.double(), ours.batches.y.double()
        return ours

    assert_like_plain(make)


def test_records_the_parameters_before_the_updates_asked_for():
    ours, plain = problem(optimizer="adam"), problem(optimizer="adam")
    trace = RecordedEngine(ours).advance(20, rows=range(1, 20, 3))
    plain_loop(plain, 1)
    rows = []
    for _ in range(7):
        rows.append(plain.flat_parameters())
        plain_loop(plain, 3)
    assert_same(trace.parameters, torch.stack(rows))


def test_building_leaves_the_problem_as_it_was():
    ours = problem("tanh", "adam", batch_size=16, scheduler=SCHEDULES["step"])
    plain_loop(ours, 5)
    before = state(ours)
    RecordedEngine(ours)
    assert_same(state(ours), before)


def test_resumes_from_a_snapshot():
    first, second = problem("tanh", "adamw", batch_size=16), problem("tanh", "adamw", batch_size=16, seed=2)
    engine = RecordedEngine(first)
    engine.advance(12)
    second.restore(first.snapshot())
    assert_same(RecordedEngine(second).advance(12).losses, engine.advance(12).losses)


@pytest.mark.parametrize("batch_size", [None, 25])
def test_evaluates_the_loss_and_the_gradients_of_autograd_and_changes_nothing(batch_size):
    ours = problem("wide", "adam", batch_size=batch_size)
    engine = RecordedEngine(ours)
    engine.advance(3)
    before = state(ours)
    loss, gradients = engine.evaluate()
    assert_same(state(ours), before)
    x, y = ours.batches.peek()
    expected = ours.loss(ours.net(x), y)
    assert_same(loss, expected.detach())
    assert_same(gradients, list(torch.autograd.grad(expected, list(ours.net.parameters()))))


def test_evaluates_nothing_where_a_replay_would_draw_random_numbers():
    engine = RecordedEngine(problem(lambda: nn.Sequential(nn.Linear(1, 4), nn.Dropout(0.5), nn.Linear(4, 1))))
    assert engine.evaluate() is None


def test_evaluates_nothing_once_the_net_has_changed():
    ours = problem(lambda: nn.Sequential(nn.Linear(1, 4), Steep(), nn.Linear(4, 1)))
    engine = RecordedEngine(ours)
    ours.net[1].steepness = 3.0
    assert engine.evaluate() is None
