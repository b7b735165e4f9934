"""How a run can end: completed, diverged, interrupted, failed, and what it leaves each time."""

import json
import os
import signal

import pytest
import torch

from descentlab.callbacks.steps import StepCallback
from descentlab.runs.assemble import assemble
from descentlab.targets import build

# The rate is ten times the stability limit of the cubic: each step multiplies the error by about 20.
DIVERGING = ("experiment=cubic", "optimizer.lr=1")


def literal_divergence(settings) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The losses and the parameters before the first update that leaves the finite numbers."""
    data, module = assemble(settings)
    x, y = data.stages()["train"]
    optimizer = build(settings["optimizer"], module.net.parameters())
    losses = []
    while True:
        kept = torch.cat([parameter.detach().flatten() for parameter in module.net.parameters()]).clone()
        optimizer.zero_grad()
        loss = module.loss(module.net(x), y)
        losses.append(loss.detach())
        loss.backward()
        optimizer.step()
        updated = torch.cat([parameter.detach().flatten() for parameter in module.net.parameters()])
        if not (loss.isfinite() and updated.isfinite().all()):
            return losses, kept


@pytest.fixture(scope="module", params=["auto", "eager", "lightning"])
def diverged(request, trained):
    return trained(*DIVERGING, f"trainer.engine={request.param}", "callbacks.checkpoint.every=5")


def test_a_diverging_run_stops_and_says_so(diverged):
    assert diverged.result["status"] == "diverged"
    assert diverged.result["num_steps"] < 1000


def test_a_diverging_run_keeps_the_last_finite_parameters(diverged):
    losses, kept = literal_divergence(diverged.settings)
    state = torch.load(diverged.folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert kept.isfinite().all()
    assert torch.equal(torch.cat([value.flatten() for value in state.values()]), kept)
    assert diverged.result["num_steps"] == len(losses) - 1


def test_the_history_of_a_diverging_run_ends_there(diverged):
    losses, _ = literal_divergence(diverged.settings)
    assert torch.equal(diverged.column("train/loss"), torch.stack(losses))
    assert diverged.coefficients().isfinite().all()
    assert int(diverged.rows[-1]["step"]) == diverged.result["num_steps"]


def test_a_diverging_run_leaves_the_files_of_any_run(diverged):
    names = {path.name for path in diverged.folder.iterdir()}
    assert {"config.yaml", "history.csv", "result.json", "checkpoints", "tensorboard", "csv"} <= names


class At(StepCallback):
    """Does something at one step."""

    def __init__(self, step: int, action) -> None:
        super().__init__(step)
        self.action = action

    def look(self, trainer, module, step) -> None:
        if step == self.every:
            self.action()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("engine", ["auto", "lightning"])
def test_a_signal_ends_a_run_in_good_order(train_with, tmp_path, number, engine):
    before = signal.getsignal(number)
    killer = At(20, lambda: os.kill(os.getpid(), number))
    run = train_with(tmp_path, [killer], "model=linear", f"trainer.engine={engine}", "logger=none")
    assert run.result["status"] == "interrupted"
    assert run.result["num_steps"] < 1000
    assert int(run.rows[-1]["step"]) == run.result["num_steps"]
    last = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == run.result["num_steps"]
    assert signal.getsignal(number) is before


def test_an_error_on_the_way_is_not_swallowed_and_leaves_a_result(train_with, tmp_path):
    def break_down() -> None:
        raise ZeroDivisionError("on the way")

    with pytest.raises(ZeroDivisionError, match="on the way"):
        train_with(tmp_path, [At(20, break_down)], "model=linear", "logger=none")
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["status"], result["num_steps"]) == ("failed", 20)
    assert (tmp_path / "history.csv").is_file()


@pytest.mark.parametrize("every", [5, 9, 2**63 - 1])
def test_a_history_of_fewer_rows_than_one_on_the_way_has_the_start_and_the_end(trained, every):
    run = trained("model=linear", "trainer.max_steps=5", f"history.every={every}")
    rows = (run.folder / "history.csv").read_text().splitlines()[1:]
    assert [row.partition(",")[0] for row in rows] == ["0", "5"]
