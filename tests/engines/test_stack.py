"""A stack is its members' lone runs, bit for bit."""

import pytest
import torch
from engine_cases import LOSSES, Steep, assert_same
from stack_cases import NUM_MEMBERS, OPTIMIZERS, RATES, lone, members, optimizer_state, stacked
from torch import nn, optim

from bits import needs_known_bits
from descentlab.engines.compiled_stack import CompiledStack
from descentlab.engines.eager import EagerEngine
from descentlab.engines.stack import Stack


def assert_members_are_lone_runs(
    net, optimizer, hyperparameters, loss=LOSSES["mse"], num_steps=100, kind=Stack, batch_size=None, points=None
):
    nets, own_points = members(net)
    points = points or own_points
    given = {"loss": loss, "optimizer": optimizer, "hyperparameters": hyperparameters, "num_steps": num_steps}
    stack = stacked(nets, points, kind, batch_size, **given)
    assert stack.name == ("recorded" if kind is Stack else "compiled")
    trace = stack.advance(num_steps)
    for index in range(NUM_MEMBERS):
        own = points if isinstance(points, list) else [points] * NUM_MEMBERS
        ours = lone(index, nets, own, loss, optimizer, hyperparameters, batch_size)
        expected = EagerEngine(ours).advance(num_steps)
        assert_same(trace.losses[:, index], expected.losses)
        assert_same(stack.member(index), {k: v.detach() for k, v in ours.net.named_parameters()})
        assert_same(optimizer_state(stack, index), ours.optimizer.state_dict()["state"])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("net", ["one_two_one", "linear", "cubic"])
def test_each_member_gets_the_bits_of_its_lone_run(net, optimizer):
    assert_members_are_lone_runs(net, *OPTIMIZERS[optimizer])


@needs_known_bits
@pytest.mark.parametrize(
    ("net", "optimizer", "loss"),
    [
        *(("one_two_one", optimizer, "mse") for optimizer in OPTIMIZERS),
        *((net, "sgd_rates", "mse") for net in ("linear", "cubic", "three_hidden")),
        *(("linear", "adam_rates", loss) for loss in LOSSES if loss != "mse"),
    ],
)
def test_each_member_of_a_compiled_stack_gets_the_bits_of_its_lone_run(net, optimizer, loss):
    def three_hidden():
        return nn.Sequential(nn.Linear(1, 3), nn.LeakyReLU(), nn.Linear(3, 1))

    made = three_hidden if net == "three_hidden" else net
    assert_members_are_lone_runs(made, *OPTIMIZERS[optimizer], LOSSES[loss], kind=CompiledStack)


def hidden(*widths, activation):
    def net():
        pairs = zip((1, *widths), widths, strict=False)
        layers = [layer for pair in pairs for layer in (nn.Linear(*pair), activation())]
        return nn.Sequential(*layers, nn.Linear(widths[-1], 1))

    return net


WIDER = {
    "a rest of rows": hidden(6, activation=nn.ReLU),
    "sigmoid": hidden(8, activation=nn.Sigmoid),
    "tanh": hidden(3, activation=nn.Tanh),
    "steep": hidden(17, activation=Steep),
    "two hidden layers": hidden(16, 16, activation=nn.LeakyReLU),
}


@needs_known_bits
@pytest.mark.parametrize("net", WIDER)
@pytest.mark.parametrize("optimizer", ["sgd_rates", "adam"])
def test_each_member_of_a_compiled_stack_of_wider_nets_gets_the_bits_of_its_lone_run(net, optimizer):
    """Also where the recorded stack adds up its products in another order."""
    assert_members_are_lone_runs(WIDER[net], *OPTIMIZERS[optimizer], kind=CompiledStack)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("net", ["one_two_one", "linear", "cubic"])
def test_each_loss_gives_a_member_the_bits_of_its_lone_run(net, loss):
    assert_members_are_lone_runs(net, optim.Adam, {"lr": RATES}, loss=LOSSES[loss])


WIDE = {
    "500 hidden units": hidden(500, activation=lambda: Steep(20.0)),
    "two hidden layers": hidden(33, 17, activation=nn.Tanh),
    "three hidden layers": hidden(16, 30, 20, activation=nn.Sigmoid),
}


@needs_known_bits
@pytest.mark.parametrize("batch_size", [None, 16], ids=["full", "shuffled"])
@pytest.mark.parametrize("loss", ["mse", "l1", "huber"])
@pytest.mark.parametrize("optimizer", ["sgd_rates", "momenta", "adam", "rmsprop"])
@pytest.mark.parametrize("net", WIDE)
def test_each_member_of_a_stack_of_wide_nets_gets_the_bits_of_its_lone_run(net, optimizer, loss, batch_size):
    kind, hyperparameters = OPTIMIZERS[optimizer]
    hyperparameters = hyperparameters | {"lr": hyperparameters["lr"] * 0.03}
    assert_members_are_lone_runs(WIDE[net], kind, hyperparameters, LOSSES[loss], num_steps=30, batch_size=batch_size)


@needs_known_bits
def test_members_of_wide_nets_that_share_their_points_get_the_bits_of_their_lone_runs():
    points = members("linear")[1][0]
    assert_members_are_lone_runs(WIDE["500 hidden units"], optim.Adam, {"lr": 0.001}, num_steps=30, points=points)


@needs_known_bits
def test_members_of_wide_nets_with_several_features_and_targets_get_the_bits_of_their_lone_runs():
    def net():
        layers = nn.Linear(3, 40), nn.ReLU(), nn.Linear(40, 9, bias=False), nn.ELU(), nn.Linear(9, 2)
        return nn.Sequential(*layers)

    points = [(torch.cat([x, x**2, x**3], dim=1), torch.cat([y, -y], dim=1)) for x, y in members("linear")[1]]
    assert_members_are_lone_runs(net, optim.RMSprop, {"lr": 0.001}, num_steps=30, points=points)
    assert_members_are_lone_runs(net, optim.SGD, {"lr": 0.01}, num_steps=30, points=points, batch_size=7)


def without_lone_bits(monkeypatch):
    """No member gets the bits of its lone net, whatever is tried."""
    monkeypatch.setattr("descentlab.engines.members_alone.MembersAlone.agree", lambda *given: False)


def test_a_stack_whose_members_cannot_have_the_bits_of_their_lone_runs_comes_near_them(monkeypatch):
    without_lone_bits(monkeypatch)
    nets, points = members(WIDE["500 hidden units"])
    given = {"loss": nn.MSELoss(), "optimizer": optim.Adam, "hyperparameters": {"lr": 0.0003}}
    losses = stacked(nets, points, num_steps=100, **given).advance(100).losses
    ours = lone(2, nets, points, nn.MSELoss(), optim.Adam, {"lr": 0.0003})
    torch.testing.assert_close(losses[:, 2], EagerEngine(ours).advance(100).losses, rtol=1e-5, atol=0)


def test_data_may_be_shared_by_all_members():
    nets, points = members("one_two_one")
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": {"lr": 0.02}, "num_steps": 50}
    apart = stacked(nets, [points[0]] * NUM_MEMBERS, **given)
    shared = stacked(nets, points[0], **given)
    assert_same(shared.advance(50).losses, apart.advance(50).losses)


def test_buffers_may_differ_between_members(kind):
    nets, points = members("cubic")
    scales = torch.stack([torch.arange(4.0), torch.tensor([0.0, 1.0, 1.0, 2.0])])
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": {"lr": 0.02}, "num_steps": 50}
    stack = stacked(nets[:2], points[:2], kind, buffers={"exponents": scales}, **given)
    losses = stack.advance(50).losses
    for index in range(2):
        nets[index].exponents.copy_(scales[index])
        ours = lone(index, nets, points, nn.MSELoss(), optim.SGD, {"lr": 0.02})
        assert_same(losses[:, index], EagerEngine(ours).advance(50).losses)


@pytest.mark.parametrize("per_member", [False, True], ids=["shared", "per_member"])
@pytest.mark.parametrize("optimizer", [optim.SGD, optim.AdamW])
def test_follows_a_schedule_of_learning_rates(kind, optimizer, per_member):
    decay = 0.99 ** torch.arange(60, dtype=torch.float64)
    schedule = decay[:, None] * RATES if per_member else 0.02 * decay
    nets, points = members("one_two_one")
    given = {"loss": nn.MSELoss(), "optimizer": optimizer, "hyperparameters": {}, "num_steps": 60}
    trace = stacked(nets, points, kind, schedule=schedule, **given).advance(60)
    ours = lone(1, nets, points, nn.MSELoss(), optimizer, {})
    losses = []
    for step in range(60):
        rate = schedule[step, 1] if per_member else schedule[step]
        ours.optimizer.param_groups[0]["lr"] = float(rate)
        losses.append(EagerEngine(ours).advance(1).losses)
    assert_same(trace.losses[:, 1], torch.cat(losses))


@pytest.mark.parametrize("num_members", [1, NUM_MEMBERS])
def test_values_on_which_all_members_agree_are_those_of_one_number(kind, num_members):
    nets, points = members("linear", seeds=range(num_members))
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "num_steps": 5}
    one = {"lr": 0.02, "momentum": 0.0, "weight_decay": 0.3}
    each = {name: torch.full((num_members,), value, dtype=torch.float64) for name, value in one.items()}
    ours, same = (stacked(nets, points, kind, hyperparameters=numbers, **given) for numbers in (each, one))
    assert_same(ours.advance(5).losses, same.advance(5).losses)
    assert_same(ours.state_dict(), same.state_dict())


def test_one_given_rate_serves_for_one_step(kind):
    nets, points = members("linear")
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "num_steps": 1}
    stack = stacked(nets, points, kind, hyperparameters={}, schedule=torch.tensor([0.1], dtype=torch.float64), **given)
    same = stacked(nets, points, hyperparameters={"lr": 0.1}, **given)
    assert_same(stack.advance(1).losses, same.advance(1).losses)
    assert_same(stack.flat_parameters(), same.flat_parameters())
