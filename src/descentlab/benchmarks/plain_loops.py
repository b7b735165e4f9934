"""The peers: gradient descent in plain PyTorch, as a person would write it."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, TensorDataset


class SteepSigmoid(nn.Module):
    """sigmoid(200 u)."""

    def forward(self, u: Tensor) -> Tensor:
        return torch.sigmoid(200.0 * u)


def line() -> nn.Module:
    return nn.Linear(1, 1)


def relu_1_2_1() -> nn.Module:
    return nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))


def sigmoid_1_500_1() -> nn.Module:
    return nn.Sequential(nn.Linear(1, 500), SteepSigmoid(), nn.Linear(500, 1))


class Cubic(nn.Module):
    """w0 + w1 x + w2 x^2 + w3 x^3."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        prediction: Tensor = self.linear(torch.cat([x, x**2, x**3], dim=1))
        return prediction


def descend(
    net: nn.Module,
    optimizer: Optimizer,
    num_steps: int,
    scheduler: LRScheduler | None = None,
    num_samples: int = 100,
) -> None:
    """Full-batch steps on the mean squared error."""
    x = torch.randn(num_samples, 1)
    y = 2.5 + 4.0 * x
    loss_function = nn.MSELoss()
    for _ in range(num_steps):
        loss = loss_function(net(x), y)
        loss.backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        optimizer.zero_grad()


def descend_on_batches(net: nn.Module, optimizer: Optimizer, loader: DataLoader, num_steps: int) -> None:
    """Steps on the batches of a loader, epoch after epoch."""
    loss_function = nn.MSELoss()
    step = 0
    while step < num_steps:
        for x, y in loader:
            loss = loss_function(net(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            if step == num_steps:
                break


def shuffled_batches(num_samples: int, batch_size: int) -> DataLoader:
    x = torch.randn(num_samples, 1)
    return DataLoader(TensorDataset(x, 2.5 + 4.0 * x), batch_size=batch_size, shuffle=True)


def sgd(lr: float) -> Callable[[nn.Module], Optimizer]:
    return lambda net: torch.optim.SGD(net.parameters(), lr=lr)


SCRIPT = """
import torch
from torch import nn

x = torch.randn(100, 1)
y = torch.relu(3.5 * x) - torch.relu(-x) + 0.3 * torch.randn(100, 1)
net = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
loss_function = nn.MSELoss()
for step in range(1000):
    loss = loss_function(net(x), y)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
print("loss", loss.item())
for name, parameter in net.named_parameters():
    print(name, parameter.tolist())
"""
"""The bare script: what `scripts/train.py model=relu_net trainer.max_steps=1000` does, by hand."""
