"""A stack with a way of its own serves if its first steps are the recorded stack's, or else those of lone runs."""

from dataclasses import replace

import pytest
import torch
from engine_cases import assert_same
from stack_cases import NUM_MEMBERS, RATES, SPREAD, pair
from torch import nn, optim

from descentlab.engines import checked_stack
from descentlab.engines.checked_stack import NUM_COMPARED_STEPS, CheckedStack
from descentlab.engines.near import rows_are_near
from descentlab.engines.record import CannotRecord
from descentlab.engines.stack import Stack

EXPONENTS = torch.stack([torch.arange(4.0) + member for member in range(NUM_MEMBERS)])
DECAY = 0.99 ** torch.arange(50, dtype=torch.float64)

CASES = {
    "rates": {"optimizer": "sgd_rates"},
    "a pair of numbers": {"optimizer": "adam_all"},
    "shared points": {"optimizer": "momenta", "shared": True},
    "batches": {"optimizer": "sgd_rates", "batch_size": 16},
    "buffers": {"net": "cubic", "buffers": {"exponents": EXPONENTS}},
    "a schedule": {"optimizer": (optim.AdamW, {"betas": (0.8, SPREAD)}), "schedule": 0.02 * DECAY},
    "schedules": {"optimizer": (optim.SGD, {"momentum": SPREAD}), "schedule": DECAY[:, None] * RATES},
    "a short schedule": {"optimizer": (optim.SGD, {}), "schedule": 0.02 * DECAY[:4], "num_steps": 4},
    "ends": {"optimizer": "sgd_rates", "num_steps": torch.tensor([3, 1, 40, 10, 7])},
    "a member that diverges at once": {"optimizer": (optim.SGD, {"lr": torch.tensor([0.02, 1e39, 0.01, 0.02, 0.03])})},
    "a member that diverges": {"optimizer": (optim.SGD, {"lr": torch.tensor([0.02, 1e20, 0.01, 0.02, 0.03])})},
}


class Own(CheckedStack):
    """Takes recorded steps, of which `change` makes other ones: it is given the stack, and returns the trace."""

    own_name = "own"
    change = staticmethod(lambda stack, trace: trace)

    def _prepare(self, net, loss, buffers):
        super()._prepare(net, loss, buffers)
        self.name = self.own_name
        self._compare(net, loss, buffers)

    def advance_fast(self, num_steps, rows):
        return self.change(self, Stack.advance(self, num_steps, rows))


class Recorded(Stack):
    """A recorded stack whose losses are others, as one that adds in another order has them."""

    def advance(self, num_steps, rows=range(0)):
        trace = super().advance(num_steps, rows)
        return replace(trace, losses=trace.losses * (1 + 1e-6))


def changing(step=None, member=None, parameter=None, extra=0):
    """`Own` with one loss, one member's parameter or its number of steps changed by the least there is."""

    def change(stack, trace):
        if step is not None and step < len(trace.losses):
            trace.losses[step, member] = torch.nextafter(trace.losses[step, member], torch.tensor(torch.inf))
        if parameter is not None:
            place = list(stack.parameters.values())[parameter][member].view(-1)
            place[-1] = torch.nextafter(place[-1], torch.tensor(torch.inf))
        return replace(trace, num_steps=trace.num_steps + extra * (torch.arange(stack.num_members) == member))

    return type("Changing", (Own,), {"change": staticmethod(change)})


@pytest.fixture
def lone_runs(monkeypatch):
    """The arguments of the lone runs that have been asked for."""
    asked = []
    ours = checked_stack.lone_run
    monkeypatch.setattr(checked_stack, "lone_run", lambda *given: asked.append(given) or ours(*given))
    return asked


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_steps_that_are_the_recorded_ones_are_trusted_and_taken_back(case, lone_runs):
    ours, recorded = pair(Own, **case)
    assert lone_runs == []
    assert_same(ours.state_dict(), recorded.state_dict())
    assert_same(ours.advance(4).losses, recorded.advance(4).losses)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_where_the_recorded_steps_are_others_lone_runs_decide(case, lone_runs, monkeypatch):
    monkeypatch.setattr(checked_stack, "Stack", Recorded)
    pair(Own, **case)
    assert len(lone_runs) == NUM_MEMBERS
    for kind in (changing(step=0, member=2), changing(parameter=0, member=4)):
        with pytest.raises(CannotRecord, match="the own step differs from the recorded one"):
            pair(kind, **case)


def test_lone_runs_have_their_own_buffers_that_no_checkpoint_holds(lone_runs, monkeypatch):
    class Shifted(nn.Linear):
        def __init__(self):
            super().__init__(1, 1)
            self.register_buffer("shift", torch.zeros(1), persistent=False)

        def forward(self, x):
            return super().forward(x + self.shift)

    monkeypatch.setattr(checked_stack, "Stack", Recorded)
    pair(Own, Shifted, buffers={"shift": RATES.float()[:, None]})
    assert len(lone_runs) == NUM_MEMBERS


@pytest.mark.parametrize("member", [0, 3, NUM_MEMBERS - 1])
@pytest.mark.parametrize("where", [{"step": 0}, {"step": NUM_COMPARED_STEPS - 1}, {"parameter": 0}, {"parameter": 1}])
def test_a_last_bit_of_one_member_is_noticed(where, member):
    with pytest.raises(CannotRecord, match="the own step differs from the recorded one"):
        pair(changing(**where, member=member))


def test_a_member_that_ends_at_another_step_is_noticed():
    with pytest.raises(CannotRecord, match="own members end at other steps than recorded ones"):
        pair(changing(member=3, extra=1))


@pytest.mark.parametrize(("num_members", "member"), [(16, 7), (100, 0), (100, 99)])
def test_of_many_members_the_first_and_the_last_are_among_those_compared(num_members, member, lone_runs):
    with pytest.raises(CannotRecord, match="the own step differs"):
        pair(changing(step=2, member=member), num_members=num_members)
    assert len(lone_runs) <= 4


def test_each_of_some_members_has_its_own_rates(lone_runs):
    rates = torch.linspace(0.001, 0.03, 100, dtype=torch.float64)
    pair(Own, num_members=100, optimizer=(optim.SGD, {}), schedule=DECAY[:, None] * rates, num_steps=50)
    assert lone_runs == []


def test_no_more_steps_are_compared_than_are_needed(lone_runs):
    ours, _ = pair(changing(step=NUM_COMPARED_STEPS, member=0))
    assert (ours.name, lone_runs) == ("own", [])


class Near(Own):
    """Starts each advance a rounding beside, and may come as near as its members' steps allow."""

    def advance_fast(self, num_steps, rows):
        for value in self.parameters.values():
            value.copy_(torch.nextafter(value, torch.tensor(torch.inf)))
        return super().advance_fast(num_steps, rows)

    def agrees(self, expected, ours, spread):
        return rows_are_near(expected, ours, spread)


UNSTABLE = (optim.SGD, {"lr": torch.tensor([0.02, 2.0, 2.5, 0.01, 3.0], dtype=torch.float64)})


def test_a_rounding_that_too_large_steps_have_made_much_of_is_no_other_step():
    ours, recorded = pair(Near, optimizer=UNSTABLE)
    assert not rows_are_near(recorded.advance(10).losses.T, ours.advance(10).losses.T, torch.zeros(NUM_MEMBERS, 1))


@pytest.mark.parametrize("member", [0, 3])
def test_a_member_of_steps_that_are_not_too_large_has_to_come_near(member):
    wrong = type("Wrong", (Near,), {"change": staticmethod(lambda stack, trace: _off(trace, member))})
    with pytest.raises(CannotRecord, match="the own step differs from the recorded one"):
        pair(wrong, optimizer=UNSTABLE)


def _off(trace, member):
    trace.losses[:, member] *= 1.001
    return trace
