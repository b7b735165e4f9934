"""A recorded engine goes on with the bits of the plain loop, whatever is changed between two advances."""

import pytest
import torch
from engine_cases import Steep, assert_same, plain_loop, problem, state
from torch import nn

from descentlab.engines.recorded import RecordedEngine


def change_weight_decay(ours):
    ours.optimizer.param_groups[0]["weight_decay"] = 0.3


def change_rate(ours):
    ours.optimizer.param_groups[0]["lr"] = 0.003


def change_mode(ours):
    ours.net.eval()


def change_attribute(ours):
    ours.net[1].steepness = 3.0


def replace_storage(ours):
    ours.net[0].weight.data = torch.full((30, 1), 0.2)


def freeze(ours):
    ours.net[2].weight.requires_grad_(False)


def change_data(ours):
    ours.batches.y.mul_(2.0)


def replace_data(ours):
    ours.batches.x = ours.batches.x[:20].clone()
    ours.batches.y = ours.batches.y[:20].clone()


def load_optimizer(ours):
    ours.optimizer.load_state_dict(ours.optimizer.state_dict())


def forget_state(ours):
    ours.optimizer.state.clear()


def replace_loss(ours):
    ours.loss = nn.L1Loss()


CHANGES = [
    change_weight_decay,
    change_rate,
    change_mode,
    change_attribute,
    replace_storage,
    freeze,
    change_data,
    replace_data,
    load_optimizer,
    forget_state,
    replace_loss,
]


@pytest.mark.parametrize("change", CHANGES, ids=[change.__name__ for change in CHANGES])
@pytest.mark.parametrize("optimizer", ["nesterov", "adam"])
def test_notices_what_changed_between_two_advances(optimizer, change):
    def net():
        return nn.Sequential(nn.Linear(1, 30), Steep(20.0), nn.Linear(30, 1), nn.Dropout(0.1))

    plain = problem(net, optimizer)
    losses = [plain_loop(plain, 9)]
    change(plain)
    losses.append(plain_loop(plain, 9))
    after = state(plain)
    ours = problem(net, optimizer)
    engine = RecordedEngine(ours)
    traced = [engine.advance(9).losses]
    change(ours)
    traced.append(engine.advance(9).losses)
    assert engine.reason is None
    assert_same(traced, losses)
    assert_same(state(ours), after)


def test_notices_a_changed_buffer():
    def run(advance_of):
        ours = problem("cubic")
        advance = advance_of(ours)
        advance(5)
        ours.net.exponents[3] = 2.0
        advance(5)
        return state(ours)

    expected = run(lambda ours: lambda steps: plain_loop(ours, steps))
    assert_same(run(lambda ours: RecordedEngine(ours).advance), expected)
