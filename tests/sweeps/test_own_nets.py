"""A net of the user's own that holds more than what is trained: its stack leaves what its lone runs do."""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch

from descentlab import targets
from descentlab.engines.record import CannotRecord
from descentlab.sweeps.fit import fit_stack
from descentlab.sweeps.members import members

NET = """
import torch
from torch import nn

class Drawn(nn.Module):
    def __init__(self, num_features: int):
        super().__init__()
        self.shift = nn.Parameter(torch.randn(()), requires_grad=False)
        self.slope = nn.Parameter(torch.randn(()))
        self.register_buffer("curve", torch.randn(()))

    def forward(self, x):
        return self.slope * (x - self.shift) + self.curve * x**2

class Loose(Drawn):
    # draws a plain tensor, which is neither trained nor saved

    def __init__(self, num_features: int):
        super().__init__(num_features)
        self.loose = torch.randn(())

    def forward(self, x):
        return super().forward(x) + self.loose * x**3

class Judged(Drawn):
    # predicts otherwise than it is trained

    def forward(self, x):
        return super().forward(x) * (1 if self.training else 2)
"""
OWN = "model._target_=drawn_study.Drawn ~model.hidden_width ~model.num_hidden_layers ~model.activation ~model.bias"

CHOICE = [*OWN.split(), "data.num_samples=8", "loss=mae", "optimizer=momentum", "trainer.max_steps=9"]
JOBS = [[*CHOICE, "callbacks.validation.every=2", f"seed={seed}"] for seed in (1, 2)]


@pytest.fixture
def drawn_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package whose net draws a parameter that is not trained, and a buffer."""
    (tmp_path / "drawn_study.py").write_text(NET)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(targets.VARIABLE, "drawn_study")
    yield
    sys.modules.pop("drawn_study", None)


@pytest.mark.usefixtures("drawn_study")
def test_members_whose_nets_draw_what_is_not_trained_are_their_lone_runs(
    stacked: Callable[[Sequence[Sequence[str]]], Path], alone: Callable[[Sequence[Sequence[str]]], Path]
) -> None:
    folders = stacked(JOBS), alone(JOBS)
    for job in "01":
        ours, theirs = (folder / job for folder in folders)
        results = [json.loads((folder / "result.json").read_text()) for folder in (ours, theirs)]
        assert [result["engine"] for result in results] == ["stacked", "recorded"]
        assert results[0]["metrics"] == results[1]["metrics"]
        assert rows(ours) == rows(theirs)
        for name in ("last", "best"):
            assert_same_checkpoints(*(folder / "checkpoints" / f"{name}.ckpt" for folder in (ours, theirs)))


def own(name: str) -> list[list[str]]:
    return [[text.replace("Drawn", name) for text in job] for job in JOBS]


@pytest.mark.usefixtures("drawn_study")
def test_members_whose_nets_hold_other_plain_tensors_are_not_stacked() -> None:
    with pytest.raises(CannotRecord, match="their nets differ in loose"):
        fit_stack(members(own("Loose")))


@pytest.mark.usefixtures("drawn_study")
def test_members_are_judged_as_their_lone_runs_are(stacked, alone) -> None:
    ours, theirs = stacked(own("Judged")), alone(own("Judged"))
    for job in "01":
        losses = [[row["val/loss"] for row in rows(folder / job)] for folder in (ours, theirs)]
        assert losses[0] == losses[1]
        assert any(losses[0])


@pytest.mark.usefixtures("drawn_study")
def test_on_a_device_they_are_their_lone_runs_but_for_rounding(device, stacked, alone, monkeypatch) -> None:
    theirs = alone(JOBS)
    monkeypatch.setattr("descentlab.sweeps.fit.device_of", lambda accelerator: device)
    ours = stacked(JOBS)
    for job in "01":
        results = [json.loads((folder / job / "result.json").read_text()) for folder in (ours, theirs)]
        assert results[0]["engine"] == "stacked"
        assert results[0]["metrics"] == pytest.approx(results[1]["metrics"], rel=1e-5)
        losses = [[row["val/loss"] for row in rows(folder / job)] for folder in (ours, theirs)]
        assert [bool(loss) for loss in losses[0]] == [bool(loss) for loss in losses[1]]
        assert [float(loss) for loss in losses[0] if loss] == pytest.approx(
            [float(loss) for loss in losses[1] if loss], rel=1e-5
        )


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "history.csv") as file:
        return list(csv.DictReader(file))


def assert_same_checkpoints(ours: Path, theirs: Path) -> None:
    first, second = (torch.load(path, weights_only=True) for path in (ours, theirs))
    assert first["global_step"] == second["global_step"]
    assert first["state_dict"] == second["state_dict"]
    if "optimizer_states" in first:
        states = [each["optimizer_states"][0]["state"] for each in (first, second)]
        assert list(states[0]) == list(states[1])
        for number, entries in states[0].items():
            assert torch.equal(entries["momentum_buffer"], states[1][number]["momentum_buffer"])
