"""A stack is its members' lone runs, bit for bit."""

import pytest
import torch
from bits import needs_known_bits
from engine_cases import LOSSES, NETS, Steep, assert_same, data, one_two_one
from torch import Tensor, nn, optim

from descentlab.engines.batches import FullBatch
from descentlab.engines.compiled_stack import CompiledStack
from descentlab.engines.eager import EagerEngine
from descentlab.engines.problem import Problem
from descentlab.engines.record import CannotRecord
from descentlab.engines.stack import Stack
from descentlab.errors import InputError

NUM_MEMBERS = 5
RATES = torch.tensor([0.003, 0.01, 0.02, 0.03, 0.007], dtype=torch.float64)
SPREAD = torch.linspace(0.7, 1.0, NUM_MEMBERS, dtype=torch.float64) * 0.97

OPTIMIZERS = {
    "sgd": (optim.SGD, {"lr": 0.02}),
    "sgd_rates": (optim.SGD, {"lr": RATES}),
    "sgd_decays": (optim.SGD, {"lr": 0.02, "weight_decay": RATES}),
    "momentum": (optim.SGD, {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.01}),
    "momenta": (optim.SGD, {"lr": RATES, "momentum": SPREAD, "dampening": RATES}),
    "nesterov": (optim.SGD, {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
    "nesterovs": (optim.SGD, {"lr": RATES, "momentum": SPREAD, "nesterov": True, "weight_decay": RATES}),
    "adam": (optim.Adam, {"lr": 0.01}),
    "adam_rates": (optim.Adam, {"lr": RATES, "weight_decay": RATES}),
    "adam_all": (optim.Adam, {"lr": RATES, "betas": (SPREAD, SPREAD), "eps": RATES * 1e-6}),
    "adamw": (optim.AdamW, {"lr": 0.01}),
    "adamw_all": (optim.AdamW, {"lr": RATES, "weight_decay": SPREAD, "betas": (0.8, SPREAD)}),
    "rmsprop": (optim.RMSprop, {"lr": 0.003}),
    "rmsprop_all": (
        optim.RMSprop,
        {"lr": RATES, "alpha": SPREAD, "momentum": SPREAD, "centered": True, "eps": RATES * 1e-4},
    ),
    "adagrad": (optim.Adagrad, {"lr": 0.05}),
    "adagrad_all": (
        optim.Adagrad,
        {"lr": RATES, "lr_decay": RATES, "weight_decay": RATES, "initial_accumulator_value": 0.1},
    ),
}


@pytest.fixture(params=[Stack, pytest.param(CompiledStack, marks=needs_known_bits)])
def kind(request):
    """The recorded stack and the compiled one: the same bits."""
    return request.param


def optimizer_state(stack: Stack, index: int) -> dict[int, dict[str, Tensor]]:
    states = stack.optimizer_states()
    return {number: {name: value[index] for name, value in state.items()} for number, state in states.items()}


def members(net, seeds=range(NUM_MEMBERS)):
    """The members' nets and data, each drawn as a lone run draws them."""
    nets = []
    for seed in seeds:
        torch.manual_seed(seed)
        nets.append(NETS[net]() if isinstance(net, str) else net())
    return nets, [data(seed=seed) for seed in seeds]


def stacked(nets, points, kind=Stack, **given):
    named = [dict(net.named_parameters()) for net in nets]
    parameters = {name: torch.stack([one[name] for one in named]) for name in named[0]}
    x, y = (torch.stack(part) for part in zip(*points, strict=True))
    return kind(nets[0], parameters, x, y, **given)


def of_member(value, index):
    if isinstance(value, tuple):
        return tuple(of_member(item, index) for item in value)
    return float(value[index]) if isinstance(value, torch.Tensor) else value


def lone(index, nets, points, loss, optimizer, hyperparameters):
    own = {name: of_member(value, index) for name, value in hyperparameters.items()}
    net = nets[index]
    return Problem(net, loss, optimizer(net.parameters(), **own), None, FullBatch(*points[index]))


def assert_members_are_lone_runs(net, optimizer, hyperparameters, loss=LOSSES["mse"], num_steps=100, kind=Stack):
    nets, points = members(net)
    given = {"loss": loss, "optimizer": optimizer, "hyperparameters": hyperparameters, "num_steps": num_steps}
    stack = stacked(nets, points, kind, **given)
    assert stack.name == ("recorded" if kind is Stack else "compiled")
    trace = stack.advance(num_steps)
    for index in range(NUM_MEMBERS):
        ours = lone(index, nets, points, loss, optimizer, hyperparameters)
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


@pytest.mark.parametrize("optimizer", ["sgd_rates", "momenta", "adam"])
def test_a_wide_net_stays_within_the_stated_tolerance(optimizer):
    def net():
        return nn.Sequential(nn.Linear(1, 500), nn.Sigmoid(), nn.Linear(500, 1))

    kind, hyperparameters = OPTIMIZERS[optimizer]
    hyperparameters = hyperparameters | {"lr": RATES * 0.03}
    nets, points = members(net)
    given = {"loss": nn.MSELoss(), "optimizer": kind, "hyperparameters": hyperparameters}
    losses = stacked(nets, points, num_steps=1000, **given).advance(1000).losses
    ours = lone(2, nets, points, nn.MSELoss(), kind, hyperparameters)
    torch.testing.assert_close(losses[:, 2], EagerEngine(ours).advance(1000).losses, rtol=1e-5, atol=0)


def test_data_may_be_shared_by_all_members():
    nets, points = members("one_two_one")
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": {"lr": 0.02}, "num_steps": 50}
    apart = stacked(nets, [points[0]] * NUM_MEMBERS, **given)
    shared = Stack(nets[0], apart.parameters, *points[0], **given)
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
    for index, steps in enumerate(last.tolist()):
        ours = lone(index, nets, points, nn.MSELoss(), optimizer, hyperparameters)
        assert_same(losses[:steps, index], EagerEngine(ours).advance(steps).losses)
        assert bool(losses[steps:, index].isnan().all())
        assert_same(stack.member(index), {k: v.detach() for k, v in ours.net.named_parameters()})
        assert_same(optimizer_state(stack, index), ours.optimizer.state_dict()["state"])


@pytest.mark.parametrize("pieces", [[400], [150, 250], [50] * 8])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_a_member_that_diverges_stops_as_a_lone_run_does_and_disturbs_nobody(kind, momentum, pieces):
    rates = torch.tensor([0.02, 3.0, 0.01, 6.0, 1e20], dtype=torch.float64)
    hyperparameters = {"lr": rates, "momentum": momentum}
    nets, points = members("linear")
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": hyperparameters}
    stack = stacked(nets, points, kind, num_steps=400, **given)
    traces = [stack.advance(piece) for piece in pieces]
    losses = torch.cat([trace.losses for trace in traces])
    taken = sum(trace.num_steps for trace in traces)
    for index in range(NUM_MEMBERS):
        ours = lone(index, nets, points, nn.MSELoss(), optim.SGD, hyperparameters)
        expected = EagerEngine(ours).advance(400)
        assert bool(stack.diverged[index]) == expected.diverged
        assert int(taken[index]) == expected.num_steps
        assert_same(losses[: len(expected.losses), index], expected.losses)
        assert_same(stack.member(index), {k: v.detach() for k, v in ours.net.named_parameters()})
        assert_same(optimizer_state(stack, index), ours.optimizer.state_dict()["state"])
    assert stack.diverged.tolist() == [False, True, False, True, True]


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


def test_a_loaded_state_continues_the_stack(kind):
    optimizer, hyperparameters = OPTIMIZERS["adam_all"]
    nets, points = members("one_two_one")
    last = torch.tensor([100, 10, 37, 60, 1])
    given = {"loss": nn.MSELoss(), "optimizer": optimizer, "hyperparameters": hyperparameters, "num_steps": last}
    first, second = stacked(nets, points, kind, **given), stacked(nets, points, kind, **given)
    first.advance(30)
    second.load_state_dict(first.state_dict())
    assert_same(second.advance(70).losses, first.advance(70).losses)
    assert_same(second.state_dict(), first.state_dict())


@pytest.mark.parametrize("num_members", [1, NUM_MEMBERS])
def test_values_on_which_all_members_agree_are_those_of_one_number(kind, num_members):
    nets, points = members("linear", seeds=range(num_members))
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "num_steps": 5}
    one = {"lr": 0.02, "momentum": 0.0, "weight_decay": 0.3}
    each = {name: torch.full((num_members,), value, dtype=torch.float64) for name, value in one.items()}
    ours, same = (stacked(nets, points, kind, hyperparameters=numbers, **given) for numbers in (each, one))
    assert_same(ours.advance(5).losses, same.advance(5).losses)
    assert_same(ours.state_dict(), same.state_dict())


@pytest.mark.parametrize("name", ["momentum", "weight_decay"])
def test_zero_for_some_members_only_is_refused_where_it_means_another_update(name):
    nets, points = members("linear")
    values = torch.tensor([0.0, 0.1, 0.1, 0.1, 0.1])
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "num_steps": 5}
    with pytest.raises(InputError, match=f"{name} must be zero for all members of a stack or for none"):
        stacked(nets, points, hyperparameters={"lr": 0.1, name: values}, **given)


def test_an_impossible_hyperparameter_is_refused_with_its_member():
    nets, points = members("linear")
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "num_steps": 5}
    with pytest.raises(InputError, match="SGD of member 3: Invalid learning rate"):
        stacked(nets, points, hyperparameters={"lr": torch.tensor([0.1, 0.2, 0.3, -0.1, 0.2])}, **given)


def test_an_impossible_number_of_several_is_refused_with_its_member():
    nets, points = members("linear")
    betas = (0.9, torch.tensor([0.9, 0.8, 0.9, 1.5, 0.9]))
    with pytest.raises(InputError, match="Adam of member 3: Invalid beta parameter at index 1"):
        stacked(nets, points, loss=nn.MSELoss(), optimizer=optim.Adam, hyperparameters={"betas": betas}, num_steps=5)


def test_hyperparameters_of_a_wrong_length_are_refused():
    nets, points = members("linear")
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "num_steps": 5}
    with pytest.raises(InputError, match="lr must be a number or have one value for each of 5 members"):
        stacked(nets, points, hyperparameters={"lr": torch.ones(4)}, **given)


def test_rates_of_another_number_of_members_are_refused():
    nets, points = members("linear")
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": {}, "num_steps": 5}
    with pytest.raises(InputError, match=r"must have shape \[step\] or \[step, 5\], not \[5, 4\]: give one column a"):
        stacked(nets, points, schedule=torch.full((5, 4), 0.1), **given)


def test_one_given_rate_serves_for_one_step(kind):
    nets, points = members("linear")
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "num_steps": 1}
    stack = stacked(nets, points, kind, hyperparameters={}, schedule=torch.tensor([0.1], dtype=torch.float64), **given)
    same = stacked(nets, points, hyperparameters={"lr": 0.1}, **given)
    assert_same(stack.advance(1).losses, same.advance(1).losses)
    assert_same(stack.flat_parameters(), same.flat_parameters())


def test_a_step_beyond_the_given_rates_is_refused():
    nets, points = members("linear")
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": {}, "num_steps": 5}
    stack = stacked(nets, points, schedule=torch.full((3,), 0.1), **given)
    assert stack.advance(3).num_steps.tolist() == [3] * NUM_MEMBERS
    with pytest.raises(InputError, match="the learning rates end after 3 steps: give more rows"):
        stack.advance(1)


class Unread(nn.Module):
    """A second parameter on which nothing depends."""

    def __init__(self):
        super().__init__()
        self.slope, self.unread = nn.Parameter(torch.ones(1, 1)), nn.Parameter(torch.ones(1))

    def forward(self, x):
        return x @ self.slope


UNKNOWN_BITS = {
    "a function": ("tanh", "a native step does not cover aten.silu.default"),  # its other layer
    "a parameter that is not read": (Unread, "the loss does not depend on all parameters"),
}


@needs_known_bits
@pytest.mark.parametrize(("net", "reason"), UNKNOWN_BITS.values(), ids=UNKNOWN_BITS)
def test_what_has_no_known_bits_in_c_is_recorded(net, reason):
    nets, points = members(net)
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "hyperparameters": {"lr": 0.001}, "num_steps": 5}
    ours = stacked(nets, points, CompiledStack, **given)
    assert (ours.name, ours.native_reason) == ("recorded", reason)
    recorded = stacked(nets, points, **given)
    assert_same(ours.advance(5).losses, recorded.advance(5).losses)


class ReadsBack(nn.Linear):
    def forward(self, x):
        out = super().forward(x)
        return out if out.mean() > 0 else -out


@pytest.mark.parametrize(
    "net",
    [
        lambda: ReadsBack(1, 1),
        lambda: nn.Sequential(nn.Linear(1, 4), nn.Dropout(0.5), nn.Linear(4, 1)),
        lambda: nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)),
    ],
    ids=["reads_back", "dropout", "batch_norm"],
)
def test_says_why_a_net_cannot_be_stacked(net):
    nets, points = members(net)
    given = {"loss": nn.MSELoss(), "optimizer": optim.SGD, "num_steps": 5}
    with pytest.raises(CannotRecord, match=r"cannot be batched|reads a value|outlives the step"):
        stacked(nets, points, hyperparameters={"lr": 0.1}, **given)


@pytest.mark.parametrize(
    ("optimizer", "hyperparameters"), [(optim.Rprop, {}), (optim.Adam, {"amsgrad": True})], ids=["rprop", "amsgrad"]
)
def test_says_why_an_optimizer_cannot_be_stacked(optimizer, hyperparameters):
    nets, points = members(one_two_one)
    given = {"loss": nn.MSELoss(), "optimizer": optimizer, "num_steps": 5}
    with pytest.raises(CannotRecord, match="has no update rule"):
        stacked(nets, points, hyperparameters=hyperparameters, **given)
