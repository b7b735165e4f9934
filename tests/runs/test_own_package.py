"""Nets and data modules of a package of the user's own, which has a net, its file of points and nothing more."""

import pytest
import torch

from descentlab import targets
from descentlab.errors import InputError
from descentlab.runs.assemble import assemble
from descentlab.runs.judge import evaluate, predict
from descentlab.runs.train import train
from descentlab.settings import config_folders
from descentlab.settings.compose import compose

OWN = """
from pathlib import Path

import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch import nn

from descentlab.data.points import Points, PointsDataModule


class Net(nn.Module):
    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.layer = nn.Linear(num_features, 1)

    def forward(self, x):
        return self.layer(x)


class Text(PointsDataModule):
    def __init__(self, path: str, keep: bool, seed: int, batch_size: int | None) -> None:
        super().__init__(seed, batch_size)
        self.path = path
        self.source = Path(path) if keep else None

    def read_points(self):
        lines = Path(self.path).read_text().splitlines()
        rows = torch.tensor([[float(word) for word in line.split()] for line in lines])
        self.train = Points(rows[:, :1], rows[:, 1:])


class Plain(LightningModule):
    def __init__(self, num_features: int) -> None:
        super().__init__()


class PlainData(LightningDataModule):
    def __init__(self, path: str, keep: bool) -> None:
        super().__init__()
"""


@pytest.fixture
def own(tmp_path, monkeypatch) -> list[str]:
    (tmp_path / "own_lab.py").write_text(OWN)
    (tmp_path / "points.txt").write_text("1 2\n2 4\n3 6.5\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(targets.VARIABLE, "own_lab")
    (tmp_path / "conf" / "data").mkdir(parents=True)
    (tmp_path / "conf" / "data" / "text.yaml").write_text(
        f"_target_: own_lab.Text\npath: {tmp_path}/points.txt\nkeep: true\nnum_features: 1\nseed: 1\nbatch_size: null\n"
    )
    (tmp_path / "conf" / "model").mkdir()
    (tmp_path / "conf" / "model" / "own.yaml").write_text(
        "defaults: [/data@_global_.data: text]\n_target_: own_lab.Net\nnum_features: ${data.num_features}\nseed: 1\n"
    )
    monkeypatch.setenv(config_folders.VARIABLE, str(tmp_path / "conf"))
    return ["model=own", "trainer.max_steps=2", "logger=none", "optimizer.lr=0.01"]


def test_a_net_of_ones_own_refuses_another_number_of_features(own, tmp_path):
    train(compose(own), tmp_path)
    assert len(predict(tmp_path, torch.zeros(3, 1))) == 3
    with pytest.raises(InputError, match=r"x: expected 1 features a sample, got 2"):
        predict(tmp_path, torch.zeros(3, 2))


@pytest.mark.parametrize("keep", [True, False])
def test_a_file_of_ones_own_data_module_is_read_again_or_its_copy_where_the_run_has_kept_one(own, tmp_path, keep):
    result = train(compose([*own, f"data.keep={keep}"]), tmp_path)
    assert (tmp_path / "data.csv").is_file() == keep
    if keep:
        (tmp_path / "points.txt").unlink()
    assert evaluate(tmp_path)["train"]["loss"] == result.metrics["train/loss"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model._target_=own_lab.Plain", r"an nn\.Module or a RegressionModule, .* got the LightningModule Plain"),
        (
            "data._target_=own_lab.PlainData",
            r"a generator or a PointsDataModule, .* got the LightningDataModule Plain",
        ),
    ],
    ids=["module", "data"],
)
def test_what_is_lightnings_alone_is_refused_with_what_it_has_to_be(own, override, message):
    with pytest.raises(InputError, match=message):
        assemble(compose([*own, override]))
