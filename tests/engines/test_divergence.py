"""The rule for leaving the finite numbers, held by every engine."""

from functools import partial

import pytest
import torch
from engine_cases import assert_same, plain_loop, problem
from torch import nn, optim

from descentlab.engines.eager import EagerEngine
from descentlab.engines.recorded import RecordedEngine

ENGINES = pytest.mark.parametrize("engine", [EagerEngine, RecordedEngine], ids=["eager", "recorded"])
OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=5.0),
    "momentum": lambda p: optim.SGD(p, lr=2.0, momentum=0.9),
    "adamw": lambda p: optim.AdamW(p, lr=1e30),
    "rmsprop": lambda p: optim.RMSprop(p, lr=1e30),
}


def steps_that_stay_finite(ours):
    """The definition: a step at a time, looking at everything."""
    losses = []
    while True:
        kept = ours.snapshot()
        x, y = ours.batches.next()
        loss = ours.loss(ours.net(x), y)
        losses.append(loss.detach())
        ours.optimizer.zero_grad()
        loss.backward()
        gradients = [p.grad for p in ours.net.parameters()]
        ours.optimizer.step()
        if ours.scheduler is not None:
            ours.scheduler.step()
        looked_at = [loss, *gradients, *ours.net.parameters()]
        if not all(bool(torch.isfinite(tensor).all()) for tensor in looked_at):
            ours.restore(kept)
            return torch.stack(losses)


@ENGINES
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("net", ["linear", "cubic", "one_two_one", "tanh"])
def test_keeps_the_last_finite_parameters(engine, optimizer, net):
    ours, stepped = problem(net, OPTIMIZERS[optimizer]), problem(net, OPTIMIZERS[optimizer])
    trace = engine(ours).advance(400)
    if not trace.diverged:
        pytest.skip("this optimiser does not diverge on this net")
    losses = steps_that_stay_finite(stepped)
    assert trace.num_steps == len(losses) - 1
    assert_same(trace.losses, losses)
    assert_same(ours.snapshot(), stepped.snapshot())


@ENGINES
def test_keeps_state_of_scheduler_and_batches_at_the_kept_step(engine):
    def make():
        schedule = partial(optim.lr_scheduler.ExponentialLR, gamma=1.01)
        return problem("cubic", OPTIMIZERS["momentum"], batch_size=16, scheduler=schedule)

    ours, stepped = make(), make()
    trace = engine(ours).advance(400)
    losses = steps_that_stay_finite(stepped)
    assert trace.diverged
    assert_same(trace.losses, losses)
    assert_same(ours.snapshot(), stepped.snapshot())


@ENGINES
def test_rows_end_with_the_kept_parameters(engine):
    ours = problem("linear", OPTIMIZERS["sgd"])
    trace = engine(ours).advance(400, rows=range(400))
    assert trace.diverged
    assert trace.parameters.shape[0] == trace.num_steps + 1
    assert_same(trace.parameters[-1], ours.flat_parameters())
    assert bool(torch.isfinite(trace.parameters).all())


@ENGINES
def test_a_loss_that_is_infinite_from_the_start_performs_no_step(engine):
    ours = problem("linear", loss="mse")
    with torch.no_grad():
        ours.net.weight.fill_(1e30)
    trace = engine(ours).advance(10)
    assert (trace.num_steps, trace.diverged, len(trace.losses)) == (0, True, 1)
    assert float(ours.net.weight.detach()) == pytest.approx(1e30)


class RootOfWeight(nn.Module):
    """A loss that stays finite while its gradient becomes infinite: sqrt(w) at w = 0."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x + self.weight.sqrt()


@ENGINES
@pytest.mark.parametrize("optimizer", ["sgd", "rprop", "adamax"])
def test_an_infinite_gradient_stops_the_run_whatever_the_optimizer_makes_of_it(engine, optimizer):
    ours = problem(RootOfWeight, optimizer)
    trace = engine(ours).advance(10)
    assert (trace.num_steps, trace.diverged) == (0, True)
    assert float(ours.net.weight.detach()) == 0.0


class Saturated(nn.Module):
    """A weight that overflows unseen: tanh of an infinity is 1."""

    def __init__(self):
        super().__init__()
        self.inside = nn.Parameter(torch.tensor(1e37))
        self.outside = nn.Parameter(torch.tensor(0.0))

    def forward(self, x):
        return torch.tanh(self.inside * (x + 2)) + self.outside


@ENGINES
def test_a_parameter_that_overflows_while_the_loss_stays_finite_stops_the_run(engine):
    class Grows(optim.SGD):
        def step(self, closure=None):
            loss = super().step(closure)
            with torch.no_grad():
                self.param_groups[0]["params"][0].mul_(1.5)
            return loss

    def make():
        return problem(Saturated, lambda p: Grows(p, lr=0.1))

    ours, stepped = make(), make()
    trace = engine(ours).advance(40)
    plain_loop(stepped, trace.num_steps)
    assert trace.diverged
    assert 0 < trace.num_steps < 40
    assert bool(torch.isfinite(ours.flat_parameters()).all())
    assert_same(ours.flat_parameters(), stepped.flat_parameters())
    plain_loop(stepped, 1)
    assert not stepped.has_finite_parameters()


@ENGINES
def test_a_diverged_problem_diverges_again_at_once(engine):
    ours = problem("linear", OPTIMIZERS["sgd"])
    chosen = engine(ours)
    chosen.advance(400)
    again = chosen.advance(10)
    assert (again.num_steps, again.diverged, len(again.losses)) == (0, True, 1)


@ENGINES
def test_an_advance_that_is_interrupted_leaves_the_problem_where_it_was(engine, monkeypatch):
    ours = problem("tanh", "adam", batch_size=16)
    started = engine(ours)
    started.advance(5)
    before = ours.snapshot()
    drawn, draw = [], ours.batches.next

    def draw_three():
        if len(drawn) == 3:
            raise KeyboardInterrupt
        drawn.append(draw())
        return drawn[-1]

    monkeypatch.setattr(ours.batches, "next", draw_three)
    with pytest.raises(KeyboardInterrupt):
        started.advance(10)
    assert len(drawn) == 3
    assert_same(ours.snapshot(), before)
