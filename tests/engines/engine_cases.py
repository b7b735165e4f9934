"""Small problems for the tests of the engines, and the loop that a person would write: the oracle."""

from collections.abc import Callable

import torch
from torch import Tensor, nn, optim

from descentlab.engines.batches import FullBatch, ShuffledBatches
from descentlab.engines.problem import Batches, Problem
from descentlab.engines.same_bits import same_bits


class Cubic(nn.Module):
    """c0 + c1 x + c2 x^2 + c3 x^3 with the exponents in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.coefficients = nn.Parameter(torch.tensor([0.1, 0.2, -0.3, 0.4]))
        self.register_buffer("exponents", torch.arange(4.0))

    def forward(self, x: Tensor) -> Tensor:
        return (x**self.exponents @ self.coefficients)[:, None]


class Steep(nn.Module):
    def __init__(self, steepness: float = 200.0) -> None:
        super().__init__()
        self.steepness = steepness

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.steepness * x)


def one_two_one() -> nn.Module:
    return nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))


NETS: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(1, 1),
    "cubic": Cubic,
    "one_two_one": one_two_one,
    "wide": lambda: nn.Sequential(nn.Linear(1, 30), Steep(20.0), nn.Linear(30, 1)),
    "tanh": lambda: nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 4), nn.SiLU(), nn.Linear(4, 1)),
}
LOSSES: dict[str, nn.Module] = {
    "mse": nn.MSELoss(),
    "l1": nn.L1Loss(),
    "huber": nn.HuberLoss(),
    "smooth_l1": nn.SmoothL1Loss(),
}
Make = Callable[[list[nn.Parameter]], optim.Optimizer]
OPTIMIZERS: dict[str, Make] = {
    "sgd": lambda p: optim.SGD(p, lr=0.05),
    "sgd_decay": lambda p: optim.SGD(p, lr=0.05, weight_decay=0.01),
    "sgd_maximize": lambda p: optim.SGD(p, lr=0.0001, maximize=True),
    "momentum": lambda p: optim.SGD(p, lr=0.01, momentum=0.9),
    "dampening": lambda p: optim.SGD(p, lr=0.01, momentum=0.9, dampening=0.3, weight_decay=0.01),
    "nesterov": lambda p: optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True),
    "adam": lambda p: optim.Adam(p, lr=0.01),
    "adam_decay": lambda p: optim.Adam(p, lr=0.01, betas=(0.8, 0.95), weight_decay=0.01),
    "adamw": lambda p: optim.AdamW(p, lr=0.01),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.001),
    "rmsprop_all": lambda p: optim.RMSprop(p, lr=0.001, momentum=0.5, centered=True, weight_decay=0.01),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.05, lr_decay=0.01, weight_decay=0.01),
}
OTHER_OPTIMIZERS: dict[str, Make] = {
    "amsgrad": lambda p: optim.Adam(p, lr=0.01, amsgrad=True),
    "adamax": lambda p: optim.Adamax(p, lr=0.01),
    "rprop": lambda p: optim.Rprop(p, lr=0.01),
    "nadam": lambda p: optim.NAdam(p, lr=0.01),
    "adadelta": lambda p: optim.Adadelta(p, lr=0.5),
    "tensor_lr": lambda p: optim.Adam(p, lr=torch.tensor(0.01)),
    "foreach": lambda p: optim.SGD(p, lr=0.05, momentum=0.5, foreach=True),
}


def data(num_samples: int = 50, seed: int = 7) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.linspace(-1, 1, num_samples)[:, None]
    return x, torch.where(x < 0, x, 3.5 * x) + 0.3 * torch.randn(num_samples, 1, generator=generator)


def problem(
    net: str | Callable[[], nn.Module] = "one_two_one",
    optimizer: str | Make = "sgd",
    loss: str = "mse",
    scheduler: Callable[[optim.Optimizer], optim.lr_scheduler.LRScheduler] | None = None,
    batch_size: int | None = None,
    seed: int = 1,
) -> Problem:
    torch.manual_seed(seed)
    made = NETS[net]() if isinstance(net, str) else net()
    make_optimizer = {**OPTIMIZERS, **OTHER_OPTIMIZERS}[optimizer] if isinstance(optimizer, str) else optimizer
    chosen = make_optimizer(list(made.parameters()))
    x, y = data()
    batches: Batches = FullBatch(x, y) if batch_size is None else ShuffledBatches(x, y, batch_size, seed=3)
    return Problem(made, LOSSES[loss], chosen, scheduler and scheduler(chosen), batches)


def plain_loop(problem: Problem, num_steps: int) -> Tensor:
    """The losses of `num_steps` steps as PyTorch's tutorials write them."""
    losses = []
    for _ in range(num_steps):
        x, y = problem.batches.next()
        loss = problem.loss(problem.net(x), y)
        problem.optimizer.zero_grad()
        loss.backward()
        problem.optimizer.step()
        if problem.scheduler is not None:
            problem.scheduler.step()
        losses.append(loss.detach())
    problem.optimizer.zero_grad()
    return torch.stack(losses)


def state(problem: Problem) -> list[object]:
    """All that a run leaves behind, as PyTorch's own state dicts tell it."""
    return [
        problem.net.state_dict(),
        problem.optimizer.state_dict(),
        None if problem.scheduler is None else problem.scheduler.state_dict(),
        problem.batches.state_dict(),
        torch.get_rng_state(),
    ]


def assert_same(first: object, second: object) -> None:
    assert same_bits(first, second)
