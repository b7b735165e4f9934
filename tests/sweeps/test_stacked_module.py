"""What a stack is made of and what is seen of it: equal to its members' nets in plain PyTorch."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from descentlab.functional.losses import mae, mse
from descentlab.modules.regression import RegressionModule
from descentlab.runs.assemble import build_data
from descentlab.settings.compose import compose
from descentlab.sweeps.fit import fit_stack
from descentlab.sweeps.stacked_module import Member

NUM_STEPS = 4
RATE = 0.25


class Shifted(nn.Module):
    """slope (x - origin) with an origin that is not trained."""

    def __init__(self, origin: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(0.5))
        self.register_buffer("origin", torch.tensor(origin))

    def forward(self, x: Tensor) -> Tensor:
        return self.slope * (x - self.origin)


class Held(Shifted):
    """The same with the origin in a parameter."""

    def __init__(self, origin: float) -> None:
        super().__init__(origin)
        del self.origin
        self.origin = nn.Parameter(torch.tensor(origin), requires_grad=False)


def member_of(net: nn.Module, seed: int) -> Member:
    loss = {"_target_": "descentlab.functional.losses.mae"}
    module = RegressionModule(net, loss, {"_target_": "torch.optim.SGD", "lr": RATE})
    return Member(module, build_data(compose(["data.num_samples=8", f"seed={seed}"])["data"]), NUM_STEPS)


def seen_alone(member: Member) -> Tensor:
    """The loss, the mean squared error and the loss on the held-out points before each step: (step, number)."""
    net, points = member.module.net, member.data.stages()
    optimizer = torch.optim.SGD([net.slope], lr=RATE)
    rows = []
    for _ in range(NUM_STEPS):
        loss = mae(net(points["train"].x), points["train"].y)
        with torch.no_grad():
            others = mse(net(points["train"].x), points["train"].y), mae(net(points["val"].x), points["val"].y)
        rows.append(torch.stack([loss.detach(), *others]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return torch.stack(rows)


@pytest.mark.parametrize("net", [Shifted, Held], ids=["buffers", "parameters"])
def test_members_may_hold_other_numbers_that_are_not_trained(net: Callable[[float], nn.Module]) -> None:
    origins = [0.5, -2.0, 3.0]
    together, apart = ([member_of(net(origin), seed) for seed, origin in enumerate(origins)] for _ in range(2))
    fitted = fit_stack(together, validation_every=1)
    losses, errors, looks = fitted.history.losses(), fitted.history.mean_squared_errors(), fitted.validation.losses
    assert errors is not None
    for k, member in enumerate(apart):
        ours = torch.stack([losses[k], errors[k], torch.stack([looks[step][k] for step in range(NUM_STEPS)])], dim=1)
        torch.testing.assert_close(ours, seen_alone(member), rtol=0, atol=0)
        assert torch.equal(together[k].module.net.slope, member.module.net.slope)
