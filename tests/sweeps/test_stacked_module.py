"""What a stack is made of and what is seen of it: equal to its members' nets in plain PyTorch."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, ClassVar

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn

from descentlab.callbacks.steps import StepCallback
from descentlab.data.points import PointsDataModule
from descentlab.functional.losses import mae, mse
from descentlab.modules.coefficients import MOST_COLUMNS
from descentlab.modules.regression import RegressionModule
from descentlab.runs.assemble import build_data
from descentlab.settings.compose import compose
from descentlab.sweeps.fit import fit_stack
from descentlab.sweeps.stack_callbacks import StackHistory
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


class Mean(nn.Module):
    """The mean of the features, scaled."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x.mean(dim=1, keepdim=True)


def wide(num_parameters: int) -> nn.Module:
    return nn.Sequential(nn.Linear(1, num_parameters - 1, bias=False), Mean())


def points_of(seed: int) -> PointsDataModule:
    return build_data(compose(["data.num_samples=8", f"seed={seed}"])["data"])


def member_of(net: nn.Module, data: PointsDataModule, rate: float = RATE, loss: str = "mae", **settings: Any) -> Member:
    spec = {"_target_": f"descentlab.functional.losses.{loss}"}
    optimizer = {"_target_": "torch.optim.SGD", "lr": rate, **settings}
    return Member(RegressionModule(net, spec, optimizer), data, NUM_STEPS)


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


@pytest.mark.parametrize("are_shared", [False, True], ids=["points of their own", "one set of points"])
@pytest.mark.parametrize("net", [Shifted, Held], ids=["buffers", "parameters"])
def test_members_may_hold_other_numbers_that_are_not_trained(net: Callable[[float], nn.Module], are_shared) -> None:
    origins = [0.5, -2.0, 3.0]
    points = [points_of(1)] * 3 if are_shared else [points_of(seed) for seed in (1, 2, 3)]
    together, apart = ([member_of(net(at), data) for at, data in zip(origins, points, strict=True)] for _ in range(2))
    fitted = fit_stack(together, validation_every=1)
    losses, errors, looks = fitted.history.losses(), fitted.history.mean_squared_errors(), fitted.validation.losses
    assert errors is not None
    assert (fitted.module.x is points[0].stages()["train"].x) == are_shared  # held once
    for k, member in enumerate(apart):
        ours = torch.stack([losses[k], errors[k], torch.stack([looks[step][k] for step in range(NUM_STEPS)])], dim=1)
        torch.testing.assert_close(ours, seen_alone(member), rtol=0, atol=0)
        assert torch.equal(together[k].module.net.slope, member.module.net.slope)


@pytest.mark.parametrize("loss", ["mse", "mae"])
@pytest.mark.parametrize("num_parameters", [MOST_COLUMNS, MOST_COLUMNS + 1])
def test_the_parameters_of_small_nets_alone_are_kept_and_the_mean_squared_error_beside_another_loss(
    num_parameters: int, loss: str
) -> None:
    fitted = fit_stack([member_of(wide(num_parameters), points_of(seed), loss=loss) for seed in (1, 2)])
    parameters, errors = fitted.history.parameters(), fitted.history.mean_squared_errors()
    assert (parameters is None) == (num_parameters > MOST_COLUMNS)
    assert parameters is None or parameters.shape == (2, NUM_STEPS, num_parameters)
    assert (errors is None) == (loss == "mse")


def test_a_member_alone_is_what_it_is_among_others() -> None:
    torch.manual_seed(1)
    nets = [wide(MOST_COLUMNS + 1) for _ in range(3)]
    alone, together = (
        [member_of(deepcopy(net), points_of(1), momentum=0.5, nesterov=True) for net in chosen]
        for chosen in (nets[:1], nets)
    )
    first, all_three = fit_stack(alone).history, fit_stack(together).history
    assert torch.equal(first.losses(), all_three.losses()[:1])
    errors, others = first.mean_squared_errors(), all_three.mean_squared_errors()
    assert errors is not None
    assert others is not None
    assert torch.equal(errors, others[:1])


def test_rows_are_recorded_where_looks_lie_between_two_of_them() -> None:
    history = fit_stack([member_of(Shifted(0.5), points_of(1))], history_every=3, validation_every=1).history
    every = fit_stack([member_of(Shifted(0.5), points_of(1))]).history
    assert history.steps == [0, 3]
    assert torch.equal(history.losses(), every.losses()[:, ::3])
    for ours, theirs in [
        (history.parameters(), every.parameters()),
        (history.mean_squared_errors(), every.mean_squared_errors()),
    ]:
        assert ours is not None
        assert theirs is not None
        assert torch.equal(ours, theirs[:, ::3])


def test_one_member_may_be_given_its_present_parameters_by_itself() -> None:
    class Looks(StepCallback):
        slopes: ClassVar[list[list[float]]] = []

        def look(self, trainer: Trainer, module: Any, step: int) -> None:
            module.unstack_parameters(1)
            self.slopes.append([member.module.net.slope.item() for member in module.members])

    history = fit_stack([member_of(Shifted(0.5), points_of(seed)) for seed in (1, 2)], more=[looks := Looks(1)]).history
    parameters = history.parameters()
    assert parameters is not None
    assert looks.slopes[:NUM_STEPS] == [[0.5, float(slope)] for slope in parameters[1, :, 0]]


def test_a_history_of_no_steps_has_no_rows() -> None:
    assert StackHistory(1, 3).losses().shape == (3, 0)


def test_of_equal_losses_the_first_is_the_best() -> None:
    validation = fit_stack([member_of(Shifted(1.0), points_of(1), rate=0.0)] * 2, validation_every=1).validation
    assert validation.best_steps.tolist() == [0, 0]
    assert torch.equal(validation.best_losses, validation.losses[NUM_STEPS - 1])


def test_a_stack_ends_where_the_last_of_its_members_diverges() -> None:
    members = [member_of(Shifted(100.0), points_of(seed), rate=1e38, loss="mse") for seed in (1, 2)]
    fitted = fit_stack(members, validation_every=1)
    assert fitted.module.stack.step == 1
    assert fitted.history.steps == [0]
