"""Which engine serves, and the line that says why a fast one does not."""

import subprocess
import sys

import pytest
import torch
from engine_cases import assert_same, plain_loop, problem, state
from torch import nn, optim

from descentlab.engines.batches import FullBatch
from descentlab.engines.choose import choose_engine
from descentlab.engines.problem import Problem
from descentlab.errors import InputError


@pytest.mark.parametrize(("requested", "name"), [("auto", "recorded"), ("recorded", "recorded"), ("eager", "eager")])
def test_gives_the_engine_asked_for(requested, name):
    engine, reason = choose_engine(problem(), requested, num_steps=100)
    assert (engine.name, reason) == (name, None)


def test_refuses_an_unknown_name():
    with pytest.raises(InputError, match="not 'recordet': did you mean recorded"):
        choose_engine(problem(), "recordet")


class ReadsBack(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, x):
        out = self.linear(x)
        return out if out.mean() > 0 else -out


class DependsOnValues(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, x):
        return self.linear(x) + self.linear(x)[x > 0].mean()


class Counts(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.linear(x) / self.calls


class CountsInAList(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)
        self.calls = [0]

    def forward(self, x):
        self.calls[0] += 1
        return self.linear(x) / self.calls[0]


class LeavesTorch(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, x):
        return self.linear(x) * torch.from_numpy(self.linear.weight.detach().numpy() ** 2)


class OwnGenerator(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)
        self.generator = torch.Generator().manual_seed(1)

    def forward(self, x):
        return self.linear(x) + torch.rand(1, generator=self.generator)


class Spectrum(nn.Linear):
    def forward(self, x):
        return torch.fft.fft(super().forward(x), dim=0).real


class Remembers(nn.Module):
    def __init__(self):
        super().__init__()
        self.memory = nn.LSTM(1, 3, batch_first=True)
        self.linear = nn.Linear(3, 1)

    def forward(self, x):
        return self.linear(self.memory(x[:, :, None])[0][:, -1])


def batch_norm():
    return nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))


def hooked():
    net = nn.Linear(1, 1)
    net.register_forward_hook(lambda module, given, output: None)
    return net


def gradient_hooked():
    net = nn.Linear(1, 1)
    net.weight.register_hook(lambda gradient: gradient.clamp(-0.1, 0.1))
    return net


REFUSED = {
    "reads_back": (ReadsBack, "reads a value back to Python"),
    "depends_on_values": (DependsOnValues, "shape depends on values"),
    "counts": (Counts, "changes its own attributes"),
    "leaves_torch": (LeavesTorch, "first steps differ"),
    "own_generator": (OwnGenerator, "own generator"),
    "remembers": (Remembers, "its replay fails"),
    "batch_norm": (batch_norm, "writes to a tensor that outlives the step"),
    "complex": (lambda: Spectrum(1, 1), "only dense real tensors on the CPU or a CUDA device are recorded"),
    "hooked": (hooked, "a hook listens to a Linear"),
    "gradient_hooked": (gradient_hooked, "a hook listens to the gradient"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_leaves_to_the_eager_engine_what_it_cannot_replay_faithfully(case):
    net, why = REFUSED[case]
    plain = problem(net)
    losses, after = plain_loop(plain, 30), state(plain)
    ours = problem(net)
    engine, reason = choose_engine(ours)
    assert engine.name == "eager"
    assert why in reason
    assert engine.reason == reason
    assert_same(engine.advance(30).losses, losses)
    assert_same(state(ours), after)


def test_leaves_a_net_whose_hidden_state_shows_in_its_first_steps():
    engine, reason = choose_engine(problem(CountsInAList))
    assert engine.name == "eager"
    assert "first steps differ" in reason


def test_leaves_what_listens_to_every_module_to_the_eager_engine():
    seen = []
    listening = nn.modules.module.register_module_forward_hook(lambda module, *_: seen.append(type(module)))
    try:
        engine, reason = choose_engine(problem("linear"))
        seen.clear()
        engine.advance(3)
    finally:
        listening.remove()
    assert "a global hook listens to every module" in reason
    assert seen == [nn.Linear, nn.MSELoss] * 3


def test_leaves_autocast_to_the_eager_engine():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        plain, ours = problem("linear"), problem("linear")
        engine, reason = choose_engine(ours)
        assert_same(engine.advance(3).losses, plain_loop(plain, 3))
    assert "autocast is on" in reason


def test_leaves_lbfgs_to_the_eager_engine():
    _, reason = choose_engine(problem(optimizer=lambda p: optim.LBFGS(p)))
    assert "LBFGS evaluates the net itself" in reason


def test_leaves_a_schedule_that_moves_momentum_to_the_eager_engine():
    def make():
        return problem(
            optimizer="momentum",
            scheduler=lambda o: optim.lr_scheduler.OneCycleLR(o, max_lr=0.05, total_steps=50),
        )

    plain, ours = make(), make()
    losses = plain_loop(plain, 30)
    engine, reason = choose_engine(ours)
    assert "changes more than the learning rate" in reason
    assert_same(engine.advance(30).losses, losses)


def test_calls_an_optimizer_that_somebody_listens_to():
    ours = problem()
    calls = []
    ours.optimizer.register_step_post_hook(lambda *_: calls.append(1))
    engine, reason = choose_engine(ours)
    calls.clear()
    engine.advance(10)
    assert reason is None
    assert len(calls) == 10


def test_goes_over_to_the_eager_engine_when_a_hook_comes_later():
    ours, plain = problem(), problem()
    losses = plain_loop(plain, 20)
    engine, _ = choose_engine(ours)
    first = engine.advance(10).losses
    seen = []
    ours.net.register_forward_hook(lambda module, given, output: seen.append(output))
    second = engine.advance(10).losses
    assert engine.name == "eager"
    assert "a hook listens" in engine.reason
    assert len(seen) == 10
    assert_same(torch.cat([first, second]), losses)


def test_serves_a_user_loss_that_is_a_plain_function():
    def loss(prediction, target):
        return (prediction - target).abs().pow(1.5).mean() + torch.tensor(0.5)

    def make():
        made = problem("tanh", "adam")
        made.loss = loss
        return made

    plain, ours = make(), make()
    losses = plain_loop(plain, 50)
    engine, reason = choose_engine(ours)
    assert reason is None
    assert_same(engine.advance(50).losses, losses)


def test_the_loss_may_be_called_with_targets_of_another_shape():
    torch.manual_seed(1)
    net = nn.Linear(2, 3)
    x, y = torch.randn(20, 2), torch.randint(0, 3, (20,))
    ours = Problem(net, nn.CrossEntropyLoss(), optim.SGD(net.parameters(), lr=0.1), None, FullBatch(x, y))
    engine, reason = choose_engine(ours)
    assert reason is None
    assert engine.advance(50).losses[-1] < engine.advance(1).losses[0] * 2


def test_recording_keeps_dynamo_out():
    code = (
        "import sys, torch\n"
        "from descentlab.engines.record import record\n"
        "w = torch.ones(3, requires_grad=True)\n"
        "record(lambda: torch.autograd.grad((w * w).sum(), w))\n"
        "print('torch._dynamo' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
