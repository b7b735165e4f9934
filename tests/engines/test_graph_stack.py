"""A stack on a device follows the recorded one on the CPU to its stated tolerance."""

from functools import partial

import pytest
import stack_cases
import torch
from engine_cases import LOSSES, assert_same
from stack_cases import OPTIMIZERS, RATES, members, optimizer_state, stacked
from torch import nn, optim

from descentlab.engines.graph_stack import GraphStack
from descentlab.engines.record import CannotRecord
from descentlab.engines.stack import SEGMENT

assert_follows = partial(stack_cases.assert_follows, pieces=(3, 47))


def pair(device, *args, **given):
    return stack_cases.pair(partial(GraphStack, device=device), *args, **given)


@pytest.mark.parametrize(
    ("net", "loss"),
    [*((net, "mse") for net in ("linear", "cubic", "wide")), *(("one_two_one", loss) for loss in LOSSES)],
)
def test_follows_the_recorded_stack_on_each_net_and_loss(device, net, loss):
    assert_follows(*pair(device, net, "sgd_rates", loss=loss))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_follows_the_recorded_stack_with_each_optimizer(device, optimizer):
    ours, recorded = pair(device, optimizer=optimizer)
    assert_follows(ours, recorded)
    for member in range(5):
        mine, theirs = (optimizer_state(stack, member) for stack in (ours, recorded))
        torch.testing.assert_close(mine, theirs, rtol=1e-2, atol=1e-3)


def test_data_may_be_shared_by_all_members(device):
    assert_follows(*pair(device, "cubic", shared=True))


def test_buffers_may_differ_between_members(device):
    scales = torch.stack([torch.arange(4.0), torch.tensor([0.0, 1.0, 1.0, 2.0])])
    assert_follows(*pair(device, "cubic", "sgd", num_members=2, buffers={"exponents": scales}))


@pytest.mark.parametrize("optimizer", ["sgd_rates", "momenta", "adam_all"])
@pytest.mark.parametrize("batch_size", [16, 25])
def test_follows_the_recorded_stack_on_batches(device, optimizer, batch_size):
    ours, recorded = pair(
        device, optimizer=optimizer, batch_size=batch_size, num_steps=torch.tensor([90, 5, 60, 90, 1])
    )
    assert_follows(ours, recorded, pieces=(1, 60, 29))
    for mine, theirs in zip(ours.batches.next(), recorded.batches.next(), strict=True):
        assert_same(mine.cpu(), theirs)


@pytest.mark.parametrize(("optimizer", "per_member"), [(optim.SGD, False), (optim.SGD, True), (optim.AdamW, True)])
def test_follows_a_schedule_of_learning_rates_over_segments(device, optimizer, per_member):
    decay = 0.99 ** torch.arange(SEGMENT + 50, dtype=torch.float64)
    schedule = decay[:, None] * RATES if per_member else 0.02 * decay
    assert_follows(
        *pair(device, optimizer=(optimizer, {}), schedule=schedule, num_steps=SEGMENT + 50), pieces=(SEGMENT + 50,)
    )


def test_a_schedule_may_be_of_one_step(device):
    ours, recorded = pair(device, optimizer=(optim.SGD, {}), schedule=RATES[None], num_steps=1)
    assert_follows(ours, recorded, pieces=(1,))


@pytest.mark.parametrize("pieces", [[100], [1, 99], [37, 40, 23]])
def test_a_member_stops_at_its_own_step_and_keeps_its_numbers(device, pieces):
    last = torch.tensor([100, 10, 37, 60, 1])
    ours, recorded = pair(device, optimizer="momenta", num_steps=last)
    assert_follows(ours, recorded, pieces=pieces)
    assert ours.steps.tolist() == last.tolist()


def test_a_member_that_is_stopped_stays_where_it_is(device):
    ours, recorded = pair(device, optimizer="adam_rates")
    chosen = torch.tensor([True, False, False, True, False])
    for stack in (ours, recorded):
        stack.advance(20)
        stack.stop(chosen)
    assert_follows(ours, recorded, pieces=(30,))
    assert ours.steps.tolist() == [20, 50, 50, 20, 50]


@pytest.mark.parametrize("pieces", [[100], [30, 70], [10] * 10])
def test_a_member_that_diverges_keeps_what_it_had_before(device, pieces):
    rates = torch.tensor([0.02, 3.0, 0.01, 6.0, 1e20], dtype=torch.float64)
    ours, recorded = pair(device, "linear", (optim.SGD, {"lr": rates}), num_steps=400)
    for piece in pieces:
        mine, theirs = ours.advance(piece), recorded.advance(piece)
        assert mine.diverged.tolist() == theirs.diverged.tolist()
        assert (mine.num_steps - theirs.num_steps).abs().max() <= 1
    assert ours.diverged.tolist() == [False, True, False, True, True]
    assert bool(torch.isfinite(ours.flat_parameters()).all())


def test_rows_hold_the_parameters_before_their_steps(device):
    ours, recorded = pair(device, optimizer="momentum")
    rows = range(5, SEGMENT + 40, 60)
    mine, theirs = ours.advance(SEGMENT + 40, rows), recorded.advance(SEGMENT + 40, rows)
    torch.testing.assert_close(mine.parameters, theirs.parameters, rtol=1e-3, atol=1e-4)
    assert ours.advance(3).parameters is None


def test_a_state_that_is_loaded_is_gone_on_from(device):
    ours, _ = pair(device, optimizer="adam_rates")
    ours.advance(10)
    state = ours.state_dict()
    first = ours.advance(20).losses
    ours.load_state_dict(state)
    assert_same(ours.advance(20).losses, first)


def test_members_may_be_of_double_precision(device):
    nets, points = members("linear")
    nets, points = [net.double() for net in nets], [(x.double(), y.double()) for x, y in points]
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": {"lr": RATES}, "num_steps": 9}
    ours = stacked(nets, points, partial(GraphStack, device=device), **given)
    nothing = ours.advance(0).losses
    assert (nothing.shape, nothing.dtype) == ((0, 5), torch.float64)
    mine, theirs = (stack.advance(9, range(0, 9, 2)) for stack in (ours, stacked(nets, points, **given)))
    torch.testing.assert_close((mine.losses, mine.parameters), (theirs.losses, theirs.parameters))


def test_a_net_whose_tensors_do_not_move_is_refused(device):
    class Shifted(nn.Linear):
        shift = torch.arange(2.0)

        def forward(self, x):
            return super().forward(x + self.shift[1:])

    with pytest.raises(CannotRecord, match="cannot be batched"):
        pair(device, lambda: Shifted(1, 1))
