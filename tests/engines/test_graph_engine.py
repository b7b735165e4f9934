"""A run on a device follows the eager one on the CPU to its stated tolerance."""

import copy

import pytest
import torch
from engine_cases import LOSSES, NETS, OPTIMIZERS, OTHER_OPTIMIZERS, data
from torch import nn, optim

from descentlab.engines.batches import FullBatch, MovedBatches, ShuffledBatches
from descentlab.engines.drawing import CPU, drawing
from descentlab.engines.eager import EagerEngine
from descentlab.engines.graph_engine import GraphEngine
from descentlab.engines.problem import Problem


def pair(device, net="one_two_one", make=OPTIMIZERS["sgd"], loss="mse", batch_size=None, schedule=None):
    """The same problem on the device, and eagerly on the CPU."""
    torch.manual_seed(3)
    made = NETS[net]() if isinstance(net, str) else net()
    problems = []
    for place in (device, CPU):
        own = copy.deepcopy(made).to(place)
        optimizer = make(list(own.parameters()))
        scheduler = None if schedule is None else schedule(optimizer)
        points = data()
        batches = FullBatch(*points) if batch_size is None else ShuffledBatches(*points, batch_size, seed=5)
        problems.append(Problem(own, LOSSES[loss], optimizer, scheduler, MovedBatches(batches, place)))
    return GraphEngine(problems[0]), EagerEngine(problems[1])


def assert_follows(ours, eager, pieces=(1, 12, 87), name="graph"):
    for piece in pieces:
        rows = range(2, piece, 7)
        mine, expected = ours.advance(piece, rows), eager.advance(piece, rows)
        assert (ours.name, ours.reason) == (name, None)
        torch.testing.assert_close(mine.losses.cpu(), expected.losses, rtol=1e-3, atol=1e-5)
        assert (mine.parameters is None) == (expected.parameters is None)
        if mine.parameters is not None:
            torch.testing.assert_close(mine.parameters.cpu(), expected.parameters, rtol=1e-2, atol=1e-4)
    states = [engine.problem.optimizer.state_dict()["state"] for engine in (ours, eager)]
    assert states[0].keys() == states[1].keys()
    for key, state in states[1].items():
        for part, value in state.items():
            torch.testing.assert_close(states[0][key][part].cpu(), value, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(
    ("net", "loss"), [*((net, "mse") for net in NETS), *(("linear", loss) for loss in LOSSES if loss != "mse")]
)
def test_follows_the_eager_engine_on_each_net_and_loss(device, net, loss):
    assert_follows(*pair(device, net, loss=loss))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_follows_the_eager_engine_with_each_optimizer(device, optimizer):
    assert_follows(*pair(device, "linear", OPTIMIZERS[optimizer]))


@pytest.mark.parametrize("optimizer", ["amsgrad", "adamax"])
def test_an_optimizer_without_a_rule_is_called_itself(device, optimizer):
    assert_follows(*pair(device, "linear", OTHER_OPTIMIZERS[optimizer]), name="recorded")


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_follows_the_eager_engine_on_batches_of_which_the_last_is_smaller(device, optimizer):
    assert_follows(*pair(device, "linear", OPTIMIZERS[optimizer], batch_size=12))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_follows_a_schedule(device, optimizer):
    def schedule(optimizer):
        return optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)

    assert_follows(*pair(device, "linear", OPTIMIZERS[optimizer], schedule=schedule))


def test_groups_have_rates_of_their_own(device):
    def make(parameters):
        return optim.Adam([{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.05}], lr=0.01)

    assert_follows(*pair(device, "linear", make))


def test_many_steps_go_through_several_rows_of_rates(device):
    ours, eager = pair(device, "linear", OPTIMIZERS["adam"])
    assert_follows(ours, eager, pieces=(GraphEngine.segment + 5,))


def test_a_run_that_diverges_keeps_what_it_had_before(device):
    ours, eager = pair(device, "linear", lambda p: optim.SGD(p, lr=6.0))
    mine, expected = ours.advance(300), eager.advance(300)
    assert (mine.diverged, expected.diverged) == (True, True)
    assert abs(mine.num_steps - expected.num_steps) <= 1
    assert len(mine.losses) == mine.num_steps + 1
    assert ours.problem.has_finite_parameters()


def test_an_evaluation_changes_nothing_and_is_autograds(device):
    ours, _ = pair(device, "wide")
    before = ours.problem.flat_parameters()
    found, gradients = ours.evaluate()
    x, y = ours.problem.batches.peek()
    loss = ours.problem.loss(ours.problem.net(x), y)
    torch.testing.assert_close(found, loss.detach())
    torch.testing.assert_close(gradients, list(torch.autograd.grad(loss, list(ours.problem.net.parameters()))))
    assert torch.equal(ours.problem.flat_parameters(), before)


def test_a_net_that_draws_gets_the_numbers_that_pytorch_draws(device):
    def net():
        return nn.Sequential(nn.Linear(1, 20), nn.Dropout(0.5), nn.Linear(20, 1))

    ours, eager = pair(device, net), pair(device, net)
    losses = []
    for advance in (ours[0].advance, EagerEngine(eager[0].problem).advance):
        with drawing(7, device):
            losses.append(advance(20).losses.cpu())
    assert len(losses[0].unique()) == 20
    torch.testing.assert_close(*losses, rtol=1e-4, atol=1e-6)
