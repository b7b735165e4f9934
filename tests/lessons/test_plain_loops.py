"""A run is, bit for bit, the loop that PyTorch's documentation writes."""

import pytest
import torch
from torch import nn

from descentlab.runs.assemble import assemble
from descentlab.targets import build


def literal_run(net, loss, x, y, lr: float, num_steps: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The losses before each update, and the parameters at the end."""
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    losses = []
    for _ in range(num_steps):
        optimizer.zero_grad()
        error = loss(net(x), y)
        losses.append(error.detach())
        error.backward()
        optimizer.step()
    return torch.stack(losses), list(net.parameters())


def trained_parameters(run) -> list[torch.Tensor]:
    checkpoint = torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)
    return list(checkpoint["state_dict"].values())


def assert_same_bits(run, losses: torch.Tensor, parameters: list[torch.Tensor]) -> None:
    assert torch.equal(run.column("train/loss")[:-1], losses)
    for found, expected in zip(trained_parameters(run), parameters, strict=True):
        assert torch.equal(found, expected)


def test_the_line_of_lesson_1_is_the_literal_loop(trained):
    torch.manual_seed(43052)
    x = torch.randn(100, 1).sort(dim=0).values
    y = 2.5 + 4 * x + torch.randn(100, 1) * 0.5
    net = nn.Linear(1, 1)
    net.weight.data.fill_(10.0)
    net.bias.data.fill_(-5.0)
    assert_same_bits(trained("experiment=americano"), *literal_run(net, nn.MSELoss(reduction="sum"), x, y, 0.001, 30))


def test_the_cubic_of_lesson_4a_is_the_literal_loop(trained):
    torch.manual_seed(202150754)
    x = torch.randn(100, 1).sort(dim=0).values
    y = 1 + 4 * x + 3 * x**2 - 2 * x**3 + torch.randn(100, 1)
    torch.manual_seed(1)
    net = nn.Linear(3, 1)
    columns = torch.cat([x, x**2, x**3], dim=1)
    assert_same_bits(trained("experiment=cubic"), *literal_run(net, nn.MSELoss(), columns, y, 0.01, 1000))


def kink() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    x = torch.linspace(-1, 1, 100)[:, None]
    return x, torch.where(x < 0, x, 3.5 * x) + 0.3 * torch.randn(100, 1)


@pytest.mark.parametrize(("experiment", "width"), [("kink_one_relu", 1), ("kink_two_relu", 2)])
def test_the_relu_nets_of_lesson_4_are_the_literal_loop(trained, experiment, width):
    x, y = kink()
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(1, width, bias=False), nn.ReLU(), nn.Linear(width, 1, bias=False))
    assert_same_bits(trained(f"experiment={experiment}"), *literal_run(net, nn.MSELoss(), x, y, 0.1, 1000))


def test_the_wide_net_of_lesson_4h_is_the_literal_loop(trained):
    x, y = kink()
    torch.manual_seed(1)
    hidden, output = nn.Linear(1, 500), nn.Linear(500, 1)

    class Steep(nn.Module):
        def forward(self, u):
            return torch.sigmoid(200.0 * u)

    net = nn.Sequential(hidden, Steep(), output)
    run = trained("experiment=kink_wide", "trainer.max_steps=200")
    assert_same_bits(run, *literal_run(net, nn.MSELoss(), x, y, 0.001, 200))


def test_every_lesson_begins_as_a_plain_loop_over_its_parts(trained, any_lesson):
    run = trained(f"experiment={any_lesson}", "trainer.max_steps=20")
    data, module = assemble(run.settings)
    x, y = data.stages()["train"]
    optimizer = build(run.settings["optimizer"], module.net.parameters())
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = module.loss(module.net(x), y)
        losses.append(loss.detach())
        loss.backward()
        optimizer.step()
    assert_same_bits(run, torch.stack(losses), list(module.net.parameters()))
