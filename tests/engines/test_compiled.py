"""The compiled engine leaves the eager one's bits, or says why it does not serve."""

import pytest
import torch
from engine_cases import LOSSES, OPTIMIZERS, Steep, assert_same, data, plain_loop, problem, state
from torch import nn, optim

from bits import needs_known_bits
from descentlab.engines import compiled
from descentlab.engines.c import build
from descentlab.engines.choose import choose_engine
from descentlab.engines.compiled import CompiledEngine
from descentlab.engines.eager import EagerEngine


def assert_same_run(make, num_steps=300, pieces=(3, 40)):
    ours, eager = make(), make()
    engine = CompiledEngine(ours)
    assert (engine.name, engine.native_reason) == ("compiled", None)
    counts = [*pieces, num_steps - sum(pieces)]
    traces = [engine.advance(count, range(0, count, 3)) for count in counts]
    other = EagerEngine(eager)
    expected = [other.advance(count, range(0, count, 3)) for count in counts]
    assert_same([trace.losses for trace in traces], [trace.losses for trace in expected])
    assert_same([trace.parameters for trace in traces], [trace.parameters for trace in expected])
    assert_same([(t.num_steps, t.diverged) for t in traces], [(t.num_steps, t.diverged) for t in expected])
    assert_same(state(ours), state(eager))


@needs_known_bits
@pytest.mark.parametrize(
    ("net", "loss"),
    [*((net, "mse") for net in ("linear", "cubic", "wide")), *(("one_two_one", loss) for loss in LOSSES)],
)
def test_leaves_the_bits_of_each_net_and_loss(net, loss):
    assert_same_run(lambda: problem(net, "sgd", loss))


@needs_known_bits
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_leaves_the_bits_of_each_optimizer(optimizer):
    assert_same_run(lambda: problem("wide", optimizer))


@needs_known_bits
def test_leaves_the_bits_of_a_schedule():
    def schedule(optimizer):
        return optim.lr_scheduler.StepLR(optimizer, 20, 0.5)

    assert_same_run(lambda: problem("one_two_one", "adamw", scheduler=schedule))


class Squares(nn.Linear):
    def forward(self, x):
        return super().forward(x).pow(2)


NETS = {
    "squares": lambda: nn.Sequential(Squares(1, 3), nn.Linear(3, 1)),
    "tanh": lambda: nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1)),
    "leaky": lambda: nn.Sequential(nn.Linear(1, 8), nn.LeakyReLU(), nn.Linear(8, 1)),
    "two hidden layers": lambda: nn.Sequential(
        nn.Linear(1, 16), nn.ReLU(), nn.Linear(16, 16), nn.Sigmoid(), nn.Linear(16, 1)
    ),
    "products by the library": lambda: nn.Sequential(
        nn.Linear(1, 8), nn.ReLU(), nn.Linear(8, 200), nn.ReLU(), nn.Linear(200, 1)
    ),
    "as many units as samples": lambda: nn.Sequential(nn.Linear(1, 50), nn.Tanh(), nn.Linear(50, 50), nn.Linear(50, 1)),
    "1-500-1": lambda: nn.Sequential(nn.Linear(1, 500), Steep(), nn.Linear(500, 1)),
}


@needs_known_bits
@pytest.mark.parametrize("net", NETS)
def test_leaves_the_bits_of_other_nets(net):
    assert_same_run(lambda: problem(NETS[net], lambda p: optim.SGD(p, lr=0.001, momentum=0.5), "huber"), num_steps=100)


def deep(width):
    return nn.Sequential(
        nn.Linear(1, width), nn.Sigmoid(), nn.Linear(width, width), nn.LeakyReLU(), nn.Linear(width, 1)
    )


@needs_known_bits
@pytest.mark.parametrize("num_samples", [1, 2, 7, 37, 100])
@pytest.mark.parametrize("width", [5, 16, 40])
def test_leaves_the_bits_of_any_number_of_samples(num_samples, width):
    """The last rows of a product may be added in another order than the others."""

    def make():
        made = problem(lambda: deep(width), "momentum")
        made.batches.x, made.batches.y = (part.repeat(2, 1)[:num_samples].clone() for part in data())
        return made

    ours, eager = make(), make()
    assert_same(CompiledEngine(ours).advance(300).losses, EagerEngine(eager).advance(300).losses)


@needs_known_bits
@pytest.mark.parametrize("net", ["linear", "cubic", "wide"])
def test_stops_at_the_step_at_which_the_eager_engine_stops(net):
    assert_same_run(lambda: problem(net, lambda p: optim.SGD(p, lr=5.0)), num_steps=400)


@needs_known_bits
def test_takes_up_a_state_that_was_loaded():
    def run(kind):
        ours = problem("wide", "adam")
        engine = kind(ours)
        engine.advance(20)
        ours.optimizer.load_state_dict(ours.optimizer.state_dict())
        return engine.advance(20).losses

    assert_same(run(CompiledEngine), run(EagerEngine))


@needs_known_bits
def test_a_built_function_of_other_bits_is_not_trusted(monkeypatch):
    def build_wrongly(source, is_exact):
        return build.build(source.replace("total[0] + total[1] + ", "total[1] + total[0] + 1e-7f + "), is_exact)

    monkeypatch.setattr(compiled, "build", build_wrongly)
    engine, reason = choose_engine(problem("linear"), "compiled")
    assert engine.name == "recorded"
    assert "the compiled step differs from the recorded one" in reason


def test_what_it_does_not_cover_is_recorded(monkeypatch):
    engine, reason = choose_engine(problem("tanh"), "compiled")
    assert (engine.name, "does not cover aten.silu" in reason) == ("recorded", True)
    monkeypatch.setattr("descentlab.engines.c.routines.ROOT", "no_such_routine")
    engine, reason = choose_engine(problem("linear", "adam"), "compiled")
    assert (engine.name, "torch's library has no no_such_routine" in reason) == ("recorded", True)


@needs_known_bits
def test_is_built_where_the_steps_are_worth_it():
    few, many = (choose_engine(problem(), "auto", num_steps) for num_steps in (100, 100_000))
    assert (few[0].name, few[1], many[0].name, many[1]) == ("recorded", None, "compiled", None)


def test_steps_in_c_or_recorded_are_the_same(monkeypatch):
    with_compiler = choose_engine(problem("one_two_one", "momentum"), "auto")[0].advance(50)
    monkeypatch.setenv("CC", "no-such-compiler")
    without, reason = choose_engine(problem("one_two_one", "momentum"), "auto")
    assert (without.name, reason) == ("recorded", None)
    trace = without.advance(50)
    assert torch.equal(with_compiler.losses, trace.losses)


def across():
    """A net in whose memory a matrix lies by its columns."""
    middle = nn.Linear(3, 2)
    middle.weight = nn.Parameter(torch.linspace(-1, 1, 6).reshape(3, 2).t())
    return nn.Sequential(nn.Linear(1, 3), middle, nn.Linear(2, 1))


def test_a_parameter_that_does_not_lie_in_one_piece_is_recorded_row_by_row():
    ours, plain = problem(across), problem(across)
    engine = CompiledEngine(ours)
    assert (engine.name, engine.native_reason) == ("recorded", "a parameter does not lie in one piece of memory")
    trace = engine.advance(6, range(0, 6, 2))
    rows = []
    for _ in range(3):
        rows.append(torch.cat([parameter.detach().reshape(-1) for parameter in plain.net.parameters()]))
        plain_loop(plain, 2)
    assert_same(trace.parameters, torch.stack(rows))
    assert_same(state(ours), state(plain))
