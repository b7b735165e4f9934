"""A sweep as typed: what fails, what goes on, what is frozen, and what a user brings along."""

import json
from pathlib import Path

import pytest
import yaml

from descentlab.commands import train as command

QUICK = ("-m", "trainer.max_steps=5", "logger=none", "hydra.sweep.dir=sweep", "hydra.launcher.workers=1")
TABLES = ("model=linear", "data=table", "data.features=[x]", "data.target=y", "data.path=one.csv,two.csv,three.csv")


def test_jobs_that_fail_are_listed_and_run_again_by_resume_which_skips_the_others(typed, tmp_path):
    for name in ("one", "three"):
        (tmp_path / f"{name}.csv").write_text("x,y\n1,2\n2,4\n3,7\n")
    answer = typed("train", *QUICK, *TABLES)
    assert answer.code == 1
    assert "job 1 failed: two.csv: expected a CSV file" in answer.err
    assert answer.err.endswith("failed: 1 of 3 jobs: 1\n")
    before = [(tmp_path / "sweep" / job / "result.json").stat().st_mtime_ns for job in "02"]
    (tmp_path / "two.csv").write_text("x,y\n1,1\n2,2\n")
    answer = typed("train", *QUICK, *TABLES, "resume=sweep")
    assert answer.code == 0, answer.err
    assert [(tmp_path / "sweep" / job / "result.json").stat().st_mtime_ns for job in "02"] == before
    assert json.loads((tmp_path / "sweep" / "1" / "result.json").read_text())["status"] == "completed"
    answer = typed("train", *QUICK, *TABLES, "resume=sweep", "optimizer.lr=0.5")
    assert answer.code == 2
    assert answer.err.startswith(
        "error: resume: job 0 was launched with optimizer.lr=0.1, and now has optimizer.lr=0.5"
    )


def test_what_to_type_is_said_where_a_sweep_is_to_have_further_values_or_is_typed_twice(typed, tmp_path):
    sweep = tmp_path / "sweep"
    assert typed("train", *QUICK, "model=linear", "seed=range(0,2)").code == 0
    answer = typed("train", *QUICK, "model=linear", "seed=range(0,3)", "resume=sweep")
    assert answer.err == (
        f"error: resume: expected the 2 jobs of {sweep}, got 3; type the values that were swept when it was launched, "
        "which its multirun.yaml has. Further values are a sweep of their own: "
        f"python scripts/report.py sweep={sweep},<folder> to=<file> shows both.\n"
    )
    answer = typed("train", *QUICK, "model=linear", "seed=range(0,2)")
    assert answer.err == (
        "error: hydra.sweep.dir: expected a folder that is not there yet, got sweep; type resume=sweep to go on with "
        "it, or another name, or remove it.\n"
    )


NET = """
import torch
from descentlab.generators.draw import Draw

class Bump(torch.nn.Module):
    def __init__(self, num_features: int, width: int) -> None:
        super().__init__()
        self.centres = torch.nn.Parameter(torch.randn(width))
        self.heights = torch.nn.Parameter(torch.randn(width))

    def forward(self, x):
        return (torch.exp(-(x - self.centres) ** 2) * self.heights).sum(dim=1, keepdim=True)

def wave(generator: torch.Generator, *, num_samples: int, pitch: float) -> Draw:
    x = torch.linspace(-1, 1, num_samples)[:, None]
    noise = 0.1 * torch.randn(num_samples, 1, generator=generator)
    return Draw(x=x, law=lambda x: torch.sin(pitch * x), noise=noise, coefficients=None, noise_std=0.1)
"""
MODEL = "_target_: own_study.Bump\nnum_features: ${data.num_features}\nwidth: 3\nseed: ${seed}\n"
DATA = "_target_: own_study.wave\nnum_features: 1\nnum_samples: 20\npitch: 3.0\nseed: ${seed}\nbatch_size: null\n"
OWN = ("--config-dir=own", "trusted_packages=[own_study]", "model=bump", "+data=wave")


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    """A folder of configs and a package of the user's own."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_study.py").write_text(NET)
    for group, name, text in (("model", "bump", MODEL), ("data", "wave", DATA)):
        (tmp_path / "own" / group).mkdir(parents=True)
        (tmp_path / "own" / group / f"{name}.yaml").write_text(text)
    return tmp_path / "own"


def test_a_net_and_a_generator_of_ones_own_are_stacked_with_the_bits_of_their_lone_runs(typed, own, tmp_path):
    words = (*OWN, "seed=1,2", "data.pitch=2.0,3.0")
    for folder, launcher in (("stacked", "stacked"), ("alone", "basic")):
        answer = typed("train", *QUICK[:3], f"hydra.sweep.dir={folder}", f"hydra/launcher={launcher}", *words)
        assert answer.code == 0, answer.err
    for job in "0123":
        assert json.loads((tmp_path / "stacked" / job / "result.json").read_text())["engine"] == "stacked"
        histories = [(tmp_path / folder / job / "history.csv").read_text() for folder in ("stacked", "alone")]
        assert histories[0] == histories[1]


def test_a_config_that_is_edited_while_a_sweep_runs_changes_nothing(typed, own, tmp_path, monkeypatch):
    train = command._train

    def edits(settings, *given, **more):
        (own / "model" / "bump.yaml").write_text(MODEL.replace("width: 3", "width: 4"))
        return train(settings, *given, **more)

    monkeypatch.setattr(command, "_train", edits)
    answer = typed("train", *QUICK[:4], "hydra/launcher=basic", *OWN, "seed=1,2")
    assert answer.code == 0, answer.err
    assert "width: 4" in (own / "model" / "bump.yaml").read_text()
    for job in "01":
        assert yaml.safe_load((tmp_path / "sweep" / job / "config.yaml").read_text())["model"]["width"] == 3
    answer = typed("train", *QUICK[:4], *OWN, "seed=1,2", "resume=sweep")
    assert (answer.code, answer.err[:64]) == (2, "error: resume: job 0 was launched with model.width=3, and now ha")
