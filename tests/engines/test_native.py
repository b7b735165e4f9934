"""The native engine follows the recorded one to its stated tolerance, or says why it does not serve."""

import shutil
import subprocess
import sys

import pytest
import torch
from engine_cases import LOSSES, NETS, OPTIMIZERS, assert_same, problem, state
from torch import nn, optim

from descentlab.engines.c import build
from descentlab.engines.choose import choose_engine
from descentlab.engines.native import NativeEngine
from descentlab.engines.recorded import RecordedEngine

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


def assert_follows_recorded(make, num_steps=200, rtol=2e-4):
    ours, recorded = make(), make()
    engine = NativeEngine(ours)
    assert (engine.name, engine.native_reason) == ("native", None)
    losses = torch.cat([engine.advance(piece).losses for piece in (3, num_steps - 3)])
    torch.testing.assert_close(losses, RecordedEngine(recorded).advance(num_steps).losses, rtol=rtol, atol=1e-6)
    return ours, recorded


@needs_compiler
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("net", ["linear", "cubic", "one_two_one", "wide"])
def test_follows_the_recorded_engine_on_each_net_and_loss(net, loss):
    assert_follows_recorded(lambda: problem(net, "sgd", loss))


@needs_compiler
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("net", ["one_two_one", "wide"])
def test_follows_the_recorded_engine_with_each_optimizer(net, optimizer):
    num_steps = 200 if net == "one_two_one" else 40  # a wide net's rounding grows fast under Adam
    ours, recorded = assert_follows_recorded(lambda: problem(net, optimizer), num_steps)
    expected = recorded.optimizer.state_dict()
    torch.testing.assert_close(ours.optimizer.state_dict(), expected, rtol=1e-2, atol=1e-3)


@needs_compiler
def test_follows_a_schedule():
    def schedule(optimizer):
        return optim.lr_scheduler.StepLR(optimizer, 20, 0.5)

    ours, recorded = assert_follows_recorded(lambda: problem("wide", "adamw", scheduler=schedule))
    assert ours.scheduler.state_dict() == recorded.scheduler.state_dict()


@needs_compiler
def test_follows_the_recorded_engine_on_a_leaky_net():
    assert_follows_recorded(lambda: problem(lambda: nn.Sequential(nn.Linear(1, 4), nn.LeakyReLU(), nn.Linear(4, 1))))


@needs_compiler
def test_follows_the_recorded_engine_on_a_net_of_500_units():
    def net():
        return nn.Sequential(nn.Linear(1, 500), nn.Sigmoid(), nn.Linear(500, 1))

    assert_follows_recorded(lambda: problem(net, lambda p: optim.SGD(p, lr=0.001)), num_steps=1000)


@needs_compiler
@pytest.mark.parametrize("routine", ["sgemm_", "no_such_routine"], ids=["library", "loops"])
def test_follows_the_recorded_engine_on_two_wide_layers(routine, monkeypatch):
    monkeypatch.setattr("descentlab.engines.c.routines.PRODUCT", routine)

    def net():
        return nn.Sequential(nn.Linear(1, 40), nn.Tanh(), nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 1))

    assert_follows_recorded(lambda: problem(net, lambda p: optim.SGD(p, lr=0.01)))


class Exponential(nn.Module):
    """A constant times exp of a column of numbers: shows the native exponential in the gradient."""

    def __init__(self):
        super().__init__()
        self.exponents = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return torch.exp(x + self.exponents)


@needs_compiler
def test_the_exponential_keeps_its_stated_error():
    def run(engine):
        losses = []
        for value in torch.linspace(-80, 80, 41).tolist():
            ours = problem(Exponential, lambda p: optim.SGD(p, lr=1e-30), loss="l1")
            ours.batches.x, ours.batches.y = torch.full((1, 1), value), torch.zeros(1, 1)
            losses.append(engine(ours).advance(1).losses)
        return torch.cat(losses)

    exact = torch.linspace(-80, 80, 41).double().exp()
    found = run(NativeEngine).double()
    assert float(((found - exact) / exact).abs().max()) < 2.5e-7


@needs_compiler
@pytest.mark.parametrize("net", ["linear", "cubic", "wide"])
def test_stops_where_the_recorded_engine_stops(net):
    def make():
        return problem(net, lambda p: optim.SGD(p, lr=5.0))

    ours, recorded = make(), make()
    trace, expected = NativeEngine(ours).advance(400), RecordedEngine(recorded).advance(400)
    assert trace.diverged
    assert abs(trace.num_steps - expected.num_steps) <= 1
    assert not torch.isfinite(trace.losses[-1])
    assert ours.has_finite_parameters()


@needs_compiler
def test_records_the_parameters_before_the_updates_asked_for():
    trace = NativeEngine(problem("wide")).advance(20, rows=range(1, 20, 3))
    expected = RecordedEngine(problem("wide")).advance(20, rows=range(1, 20, 3))
    torch.testing.assert_close(trace.parameters, expected.parameters, rtol=1e-5, atol=1e-6)


@needs_compiler
def test_takes_up_a_state_that_was_loaded():
    def run(advance_of):
        ours = problem("wide", "adam")
        advance = advance_of(ours)
        advance(20)
        ours.optimizer.load_state_dict(ours.optimizer.state_dict())
        return advance(20).losses

    ours = run(lambda ours: NativeEngine(ours).advance)
    torch.testing.assert_close(ours, run(lambda ours: RecordedEngine(ours).advance), rtol=1e-4, atol=1e-6)


@needs_compiler
def test_building_leaves_the_problem_as_it_was():
    ours = problem("wide", "adam")
    before = state(ours)
    NativeEngine(ours)
    assert_same(state(ours), before)


@needs_compiler
def test_a_function_is_compiled_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    NativeEngine(problem("linear", "adagrad"))
    assert len(list((tmp_path / "descentlab").iterdir())) == 1

    def fail(*_):
        raise AssertionError("compiled again")

    monkeypatch.setattr(build, "_compile", fail)
    assert NativeEngine(problem("linear", "adagrad", seed=5)).name == "native"


@needs_compiler
def test_a_built_function_that_goes_wrong_is_not_trusted(monkeypatch):
    def build_wrongly(source, is_exact):
        return build.build(source.replace("= 2.0f * ", "= 2.1f * "), is_exact)

    monkeypatch.setattr("descentlab.engines.compiled.build", build_wrongly)
    engine, reason = choose_engine(problem("linear"), "native")
    assert engine.name == "recorded"
    assert "the native step differs from the recorded one" in reason


def double():
    made = problem("linear")
    made.net.double()
    made.batches.x, made.batches.y = made.batches.x.double(), made.batches.y.double()
    return made


NOT_COVERED = {
    "silu": (lambda: problem("tanh"), "a native step does not cover aten.silu"),
    "batches": (lambda: problem(batch_size=16), "full batches only"),
    "optimizer": (lambda: problem(optimizer="rprop"), "no update rule"),
    "double": (double, "float32 only"),
    "dropout": (
        lambda: problem(lambda: nn.Sequential(nn.Linear(1, 4), nn.Dropout(0.5), nn.Linear(4, 1))),
        "does not cover aten.empty_like",
    ),
}


@pytest.mark.parametrize("case", NOT_COVERED)
def test_leaves_to_the_recorded_engine_what_it_does_not_cover(case):
    make, why = NOT_COVERED[case]
    expected = RecordedEngine(make()).advance(50).losses
    engine, reason = choose_engine(make(), "native")
    assert engine.name == "recorded"
    assert why in reason
    assert_same(engine.advance(50).losses, expected)


def test_the_recorded_engine_serves_where_there_is_no_compiler(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    engine, reason = choose_engine(problem(), "native")
    assert engine.name == "recorded"
    assert "no C compiler" in reason


def test_says_what_a_compiler_says_that_fails(monkeypatch, tmp_path):
    compiler = tmp_path / "cc"
    compiler.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('broken today')\n")
    compiler.chmod(0o755)
    assert subprocess.run([compiler], capture_output=True, check=False).returncode == 1
    monkeypatch.setenv("CC", str(compiler))
    _, reason = choose_engine(problem(), "native")
    assert "the compiler refuses the native step (broken today)" in reason


def test_every_net_of_the_tests_is_served_one_way_or_the_other():
    for net in NETS:
        assert choose_engine(problem(net), "native")[0].name in ("native", "recorded")
