"""Members of a stack end, stop and diverge as lone runs do, and disturb nobody; a look takes what they had."""

from functools import cache

import pytest
import torch
from engine_cases import assert_same
from stack_cases import NUM_MEMBERS, OPTIMIZERS, RATES, lone, members, optimizer_state, stacked
from torch import nn, optim

from descentlab.engines.eager import EagerEngine


class Ended:
    """What a lone run has come to, to be compared with by several tests.

    Args:
        ours: the run, at its start.
        num_steps: to be taken.
    """

    def __init__(self, ours, num_steps):
        self.trace = EagerEngine(ours).advance(num_steps)
        self.parameters = {name: value.detach() for name, value in ours.net.named_parameters()}
        self.state = ours.optimizer.state_dict()["state"]
        self.next_batch = ours.batches.next()


@cache
def stopped_at(last):
    optimizer, hyperparameters = OPTIMIZERS["momenta"]
    nets, points = members("one_two_one")
    runs = [lone(index, nets, points, nn.MSELoss(), optimizer, hyperparameters) for index in range(NUM_MEMBERS)]
    return [Ended(ours, steps) for ours, steps in zip(runs, last, strict=True)]


@pytest.mark.parametrize("pieces", [[100], [1, 99], [37, 40, 23], [20] * 5])
def test_a_member_stops_at_its_own_step_and_keeps_its_bits(kind, pieces):
    last = torch.tensor([100, 10, 37, 60, 1])
    optimizer, hyperparameters = OPTIMIZERS["momenta"]
    nets, points = members("one_two_one")
    given = {"loss": nn.MSELoss(), "optimizer": optimizer, "hyperparameters": hyperparameters}
    stack = stacked(nets, points, kind, num_steps=last, **given)
    traces = [stack.advance(piece) for piece in pieces]
    losses = torch.cat([trace.losses for trace in traces])
    assert_same(sum(trace.num_steps for trace in traces), last)
    for index, expected in enumerate(stopped_at(tuple(last.tolist()))):
        steps = int(last[index])
        assert_same(losses[:steps, index], expected.trace.losses)
        assert bool(losses[steps:, index].isnan().all())
        assert_same(stack.member(index), expected.parameters)
        assert_same(optimizer_state(stack, index), expected.state)


DIVERGING = torch.tensor([0.02, 3.0, 0.01, 6.0, 1e20], dtype=torch.float64)


@cache
def diverging(momentum):
    nets, points = members("linear")
    hyperparameters = {"lr": DIVERGING, "momentum": momentum}
    runs = [lone(index, nets, points, nn.MSELoss(), optim.SGD, hyperparameters) for index in range(NUM_MEMBERS)]
    return [Ended(ours, 400) for ours in runs]


@pytest.mark.parametrize("pieces", [[400], [150, 250], [50] * 8])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_a_member_that_diverges_stops_as_a_lone_run_does_and_disturbs_nobody(kind, momentum, pieces):
    hyperparameters = {"lr": DIVERGING, "momentum": momentum}
    nets, points = members("linear")
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": hyperparameters}
    stack = stacked(nets, points, kind, num_steps=400, **given)
    traces = [stack.advance(piece) for piece in pieces]
    losses = torch.cat([trace.losses for trace in traces])
    taken = sum(trace.num_steps for trace in traces)
    for index, expected in enumerate(diverging(momentum)):
        assert bool(stack.diverged[index]) == expected.trace.diverged
        assert int(taken[index]) == expected.trace.num_steps
        assert_same(losses[: len(expected.trace.losses), index], expected.trace.losses)
        assert_same(stack.member(index), expected.parameters)
        assert_same(optimizer_state(stack, index), expected.state)
    assert stack.diverged.tolist() == [False, True, False, True, True]


@pytest.mark.parametrize("batch_size", [16, 25, 60])
@pytest.mark.parametrize("pieces", [[90], [1, 2, 87], [50, 40]])
def test_members_on_batches_end_and_diverge_as_lone_runs_do(batch_size, pieces):
    """16 leaves a smaller batch at the end of an epoch, 25 divides the 50 points, 60 are more than there are."""
    last = torch.tensor([90, 60, 10, 90, 1])
    rates = torch.tensor([0.02, 0.01, 0.03, 3.0, 0.01], dtype=torch.float64)
    hyperparameters = {"lr": rates, "momentum": 0.5}
    nets, points = members("linear")
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": hyperparameters}
    stack = stacked(nets, points, batch_size=batch_size, num_steps=last, **given)
    losses = torch.cat([stack.advance(piece).losses for piece in pieces])
    stack.batches.place(stack.steps)
    for index, steps in enumerate(last.tolist()):
        ours = lone(index, nets, points, nn.MSELoss(), optim.SGD, hyperparameters, batch_size)
        expected = EagerEngine(ours).advance(steps)
        assert bool(stack.diverged[index]) == expected.diverged == (index == 3)
        assert_same(losses[: len(expected.losses), index], expected.losses)
        assert_same(stack.member(index), {k: v.detach() for k, v in ours.net.named_parameters()})
        assert_same(optimizer_state(stack, index), ours.optimizer.state_dict()["state"])
        assert_same(stack.batches.members[index].next(), ours.batches.next())


@pytest.mark.parametrize("others", [0.02, 2e39], ids=["of one", "of all"])
def test_a_last_update_that_overflows_is_not_kept(kind, others):
    nets, points = members("linear")
    rates = torch.tensor([others, 1e39, others, others, others], dtype=torch.float64)
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": {"lr": rates}}
    stack = stacked(nets, points, kind, num_steps=1, **given)
    before = stack.member(1)
    trace = stack.advance(5)
    assert trace.num_steps.tolist() == ([1, 0, 1, 1, 1] if others < 1 else [0] * 5)
    assert trace.diverged.tolist() == ([False, True, False, False, False] if others < 1 else [True] * 5)
    assert_same(stack.member(1), before)


def test_the_losses_of_a_diverged_member_end_with_the_one_that_was_not_finite(kind):
    """y = W x at x = 1, 2, 3 with a rate of 1e12: W squared leaves float32 at the third loss."""
    nets, _ = members(lambda: nn.Linear(1, 1, bias=False), seeds=range(2))
    points = [(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[1.0], [2.0], [3.0]]))] * 2
    rates = torch.tensor([0.1, 1e12], dtype=torch.float64)
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": {"lr": rates}}
    stack = stacked(nets, points, kind, num_steps=6, **given)
    first, second = stack.advance(4), stack.advance(2)
    ours = EagerEngine(lone(1, nets, points, nn.MSELoss(), optim.SGD, {"lr": rates})).advance(6)
    assert ours.diverged
    assert len(ours.losses) < 4
    assert not torch.isfinite(ours.losses[-1])
    assert_same(first.losses[: len(ours.losses), 1], ours.losses)
    assert bool(first.losses[len(ours.losses) :, 1].isnan().all())
    assert bool(second.losses[:, 1].isnan().all())
    assert (first.num_steps.tolist(), second.num_steps.tolist()) == ([4, ours.num_steps], [2, 0])


def test_a_loss_that_is_too_large_stops_members_whose_gradients_are_finite(kind):
    """A residual of 1e20 has no square in float32."""
    nets, _ = members(lambda: nn.Linear(1, 1), seeds=range(2))
    points = [(torch.ones(3, 1), torch.full((3, 1), 1e20))] * 2
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": {"lr": 0.001}}
    stack = stacked(nets, points, kind, num_steps=4, **given)
    before = [stack.member(index) for index in range(2)]
    trace = stack.advance(4)
    ours = EagerEngine(lone(0, nets, points, nn.MSELoss(), optim.SGD, {"lr": 0.001})).advance(4)
    assert (ours.diverged, ours.num_steps) == (True, 0)
    assert (trace.diverged.tolist(), trace.num_steps.tolist()) == ([True, True], [0, 0])
    assert_same(trace.losses[:1, 0], ours.losses)
    assert bool(trace.losses[1:].isnan().all())
    assert_same([stack.member(index) for index in range(2)], before)


def test_no_steps_give_no_losses_of_the_parameters_type(kind):
    nets, points = members("linear")
    nets, points = [net.double() for net in nets], [(x.double(), y.double()) for x, y in points]
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": {"lr": 0.02}, "num_steps": 2}
    nothing = stacked(nets, points, kind, **given).advance(0).losses
    assert (nothing.shape, nothing.dtype) == ((0, NUM_MEMBERS), torch.float64)


def test_no_steps_need_no_learning_rates(kind):
    nets, points = members("linear")
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": {}, "num_steps": 2}
    stack = stacked(nets, points, kind, **given, schedule=torch.tensor([0.02, 0.01]))
    shapes = [stack.advance(count).losses.shape for count in (0, 2, 0)]
    assert shapes == [(0, NUM_MEMBERS), (2, NUM_MEMBERS), (0, NUM_MEMBERS)]


def test_the_first_of_two_steps_is_the_first(kind):
    optimizer, hyperparameters = OPTIMIZERS["momentum"]
    nets, points = members("linear")
    given = {"loss": nn.MSELoss(), "optimizer": optimizer, "hyperparameters": hyperparameters, "num_steps": 2}
    stack = stacked(nets, points, kind, **given)
    trace = stack.advance(2)
    ours = lone(0, nets, points, nn.MSELoss(), optimizer, hyperparameters)
    assert_same(trace.losses[:, 0], EagerEngine(ours).advance(2).losses)
    assert_same(stack.member(0), {k: v.detach() for k, v in ours.net.named_parameters()})


def test_a_stack_whose_members_have_all_ended_only_counts_on(kind):
    nets, points = members("linear", seeds=range(2))
    nets, points = [net.double() for net in nets], [(x.double(), y.double()) for x, y in points]
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": {"lr": 0.02}}
    stack = stacked(nets, points, kind, num_steps=2, **given)
    first = stack.advance(300)
    assert first.losses.shape == (300, 2)
    assert bool(first.losses[:2].isfinite().all())
    assert bool(first.losses[2:].isnan().all())
    ended = stack.flat_parameters()
    second = stack.advance(5, rows=range(0, 5, 2))
    assert (second.losses.dtype, second.losses.shape) == (torch.float64, (5, 2))
    assert bool(second.losses.isnan().all())
    assert second.num_steps.tolist() == [0, 0]
    assert stack.step == 305
    assert_same(stack.flat_parameters(), ended)
    assert_same(second.parameters, torch.stack([ended] * 3))


def test_members_that_are_stopped_keep_what_they_have_and_the_others_go_on(kind):
    optimizer, hyperparameters = OPTIMIZERS["momenta"]
    nets, points = members("one_two_one")
    given = {"loss": nn.MSELoss(), "optimizer": optimizer, "hyperparameters": hyperparameters}
    stack = stacked(nets, points, kind, num_steps=torch.tensor([20, 5, 20, 20, 20]), **given)
    first = stack.advance(7)
    stack.stop(torch.tensor([False, True, False, True, False]))
    assert stack.running().tolist() == [True, False, True, False, True]
    second = stack.advance(13)
    losses = torch.cat([first.losses, second.losses])
    assert second.num_steps.tolist() == [13, 0, 13, 0, 13]
    for index, steps in enumerate([20, 5, 20, 7, 20]):
        ours = lone(index, nets, points, nn.MSELoss(), optimizer, hyperparameters)
        assert_same(losses[:steps, index], EagerEngine(ours).advance(steps).losses)
        assert bool(losses[steps:, index].isnan().all())
        assert_same(stack.member(index), {k: v.detach() for k, v in ours.net.named_parameters()})
        assert_same(optimizer_state(stack, index), ours.optimizer.state_dict()["state"])
    assert not bool(stack.running().any())


def test_records_the_parameters_before_the_updates_asked_for(kind):
    nets, points = members("one_two_one")
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": {"lr": RATES}}
    last = torch.tensor([9, 9, 4, 9, 9])
    trace = stacked(nets, points, kind, num_steps=last, **given).advance(9, rows=range(0, 9, 2))
    for index, steps in enumerate(last.tolist()):
        ours = lone(index, nets, points, nn.MSELoss(), optim.SGD, {"lr": RATES})
        expected = EagerEngine(ours).advance(steps, rows=range(0, steps, 2)).parameters
        assert_same(trace.parameters[: len(expected), index], expected)
    assert_same(trace.parameters[2, 2], trace.parameters[4, 2])


@pytest.mark.parametrize("batch_size", [None, 16])
def test_a_loaded_state_continues_the_stack(kind, batch_size):
    optimizer, hyperparameters = OPTIMIZERS["adam_all"]
    nets, points = members("one_two_one")
    last = torch.tensor([100, 10, 37, 60, 1])
    given = {"loss": nn.MSELoss(), "optimizer": optimizer, "hyperparameters": hyperparameters, "num_steps": last}
    first, second = (stacked(nets, points, kind, batch_size, **given) for _ in range(2))
    first.advance(30)
    second.load_state_dict(first.state_dict())
    assert_same(second.advance(70).losses, first.advance(70).losses)
    assert_same(second.state_dict(), first.state_dict())
