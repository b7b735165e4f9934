"""Stacks of five members, and the lone run of each."""

import torch
from engine_cases import LOSSES, NETS, data
from torch import Tensor, optim

from descentlab.engines.batches import FullBatch, ShuffledBatches
from descentlab.engines.problem import Problem
from descentlab.engines.stack import Stack
from descentlab.engines.stack_batches import FullStackBatch, ShuffledStackBatches

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


def stacked(nets, points, kind=Stack, batch_size=None, **given):
    """The members as one stack, each on its own points or all on the same, or on shuffled batches of its own."""
    named = [dict(net.named_parameters()) for net in nets]
    parameters = {name: torch.stack([one[name] for one in named]) for name in named[0]}
    if batch_size is not None:
        own = [own_batches(index, points, batch_size) for index in range(len(nets))]
        return kind(nets[0], parameters, ShuffledStackBatches(own), **given)
    x, y = points if isinstance(points, tuple) else (torch.stack(part) for part in zip(*points, strict=True))
    return kind(nets[0], parameters, FullStackBatch(x, y), **given)


def own_batches(index, points, batch_size=None):
    x, y = points[index]
    return FullBatch(x, y) if batch_size is None else ShuffledBatches(x, y, batch_size, seed=index)


def pair(kind, net="one_two_one", optimizer="sgd", num_members=NUM_MEMBERS, loss="mse", shared=False, **given):
    """A checked stack of this kind, and the same recorded."""
    nets, points = members(net, range(num_members))
    optimizer, hyperparameters = OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer
    given = {"optimizer": optimizer, "hyperparameters": hyperparameters, "num_steps": 1000} | given
    points = points[0] if shared else points
    return tuple(stacked(nets, points, each, loss=LOSSES[loss], **given) for each in (kind, Stack))


def assert_follows(ours, recorded, pieces=(3, 197), rtol=2e-4):
    assert ours.name == ours.own_name
    losses = torch.cat([ours.advance(piece).losses for piece in pieces])
    expected = torch.cat([recorded.advance(piece).losses for piece in pieces])
    torch.testing.assert_close(losses, expected, rtol=rtol, atol=1e-6, equal_nan=True)
    torch.testing.assert_close(ours.flat_parameters().cpu(), recorded.flat_parameters(), rtol=1e-2, atol=1e-4)
    assert ours.steps.tolist() == recorded.steps.tolist()
    assert ours.step == recorded.step


def of_member(value, index):
    if isinstance(value, tuple):
        return tuple(of_member(item, index) for item in value)
    return float(value[index]) if isinstance(value, torch.Tensor) else value


def lone(index, nets, points, loss, optimizer, hyperparameters, batch_size=None):
    own = {name: of_member(value, index) for name, value in hyperparameters.items()}
    net = nets[index]
    return Problem(net, loss, optimizer(net.parameters(), **own), None, own_batches(index, points, batch_size))
