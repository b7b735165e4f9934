"""Nets and data modules of a package of the user's own, which has a net, its file of points and nothing more."""

import math

import pytest
import torch

from descentlab import targets
from descentlab.errors import InputError
from descentlab.runs.assemble import assemble
from descentlab.runs.judge import evaluate, predict
from descentlab.runs.outcome import final_metrics
from descentlab.runs.train import train
from descentlab.settings import config_folders
from descentlab.settings.compose import compose
from descentlab.sweeps.fit import fit_stack
from descentlab.sweeps.members import members

OWN = """
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch import nn

from descentlab.data.points import Points, PointsDataModule
from descentlab.modules.regression import RegressionModule


class Net(nn.Module):
    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.layer = nn.Linear(num_features, 1)

    def forward(self, x):
        return self.layer(x)


class Manual(RegressionModule):
    def __init__(self, num_features: int, returns: bool = True, **training: Any) -> None:
        super().__init__(Net(num_features), **training)
        self.automatic_optimization = False
        self.returns = returns

    def training_step(self, batch, batch_idx):
        x, y = batch
        optimizer = self.optimizers()
        optimizer.zero_grad()
        loss = self.loss(self(x), y)
        self.manual_backward(loss)
        optimizer.step()
        return loss if self.returns else None


class Text(PointsDataModule):
    def __init__(self, path: str, keep: bool, seed: int, batch_size: int | None) -> None:
        super().__init__(seed, batch_size)
        self.path = path
        self.source = Path(path) if keep else None

    def read_points(self):
        lines = Path(self.path).read_text().splitlines()
        rows = torch.tensor([[float(word) for word in line.split()] for line in lines])
        self.train = Points(rows[:, :1], rows[:, 1:])


class MeanAndVariance(nn.Module):
    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.layer = nn.Linear(num_features, 2)

    def forward(self, x):
        return self.layer(x)


def likelihood(prediction, target):
    mean, log_variance = prediction[:, 0], prediction[:, 1]
    return 0.5 * (log_variance + (target[:, 0] - mean) ** 2 * (-log_variance).exp()).mean()


class Missing(Net):
    def forward(self, x):
        return self.layer(x) + self.missing


class Wrong(nn.Module):
    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.layer = nn.Linear(num_features, "1")


class NoSuper(nn.Module):
    def __init__(self, num_features: int) -> None:
        self.layer = nn.Linear(num_features, 1)


class NoForward(nn.Module):
    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.layer = nn.Linear(num_features, 1)


class Nothing(Net):
    def forward(self, x):
        self.layer(x)


class Pair(Net):
    def forward(self, x):
        return self.layer(x), x


class Mean(Net):
    def forward(self, x):
        return self.layer(x).mean()


class Empty(nn.Module):
    def __init__(self, num_features: int) -> None:
        super().__init__()

    def forward(self, x):
        return x


class Detached(Net):
    def forward(self, x):
        return self.layer(x).detach()


class Listed(Net):
    def __init__(self, num_features: int) -> None:
        super().__init__(num_features)
        self._layers = [nn.Linear(num_features, num_features)]


class Keyed(Net):
    def __init__(self, num_features: int) -> None:
        super().__init__(num_features)
        self.layers = {"one": nn.Linear(num_features, num_features)}


class Lazy(Net):
    def __init__(self, num_features: int) -> None:
        super().__init__(num_features)
        self.layer = nn.LazyLinear(1)


class Ordered(Net):
    def __init__(self, num_features: int) -> None:
        super().__init__(num_features)
        self.order = [self.layer]
        self.calls = 0

    def forward(self, x):
        x -= 1
        self.calls += 1
        return self.layer(x)


class Broken(PointsDataModule):
    def __init__(self, path: str, keep: bool, seed: int, batch_size: int | None) -> None:
        super().__init__(seed, batch_size)

    def read_points(self):
        self.train = {}["points"]


class Forgetful(PointsDataModule):
    def __init__(self, path: str, keep: bool, seed: int, batch_size: int | None) -> None:
        self.path = path


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


@pytest.mark.parametrize("engine", ["auto", "lightning"])
def test_a_net_of_mean_and_variance_trains_on_a_loss_of_its_own_and_has_no_mse(own, tmp_path, engine):
    line = [*own, "model._target_=own_lab.MeanAndVariance", "loss._target_=own_lab.likelihood"]
    settings = compose([*line, f"trainer.engine={engine}"])
    result = train(settings, tmp_path)
    assert result.status == "completed"
    assert math.isfinite(result.metrics["train/loss"])
    assert math.isnan(result.metrics["train/mse"])
    judged = evaluate(tmp_path)["train"]
    assert (judged["loss"], math.isnan(judged["mse"])) == (result.metrics["train/loss"], True)
    stack = fit_stack(members([[*line, f"model.seed={seed}"] for seed in (1, 2)]))
    first = stack.module.members[0]
    assert final_metrics(first.module, first.data)["train/loss"] == pytest.approx(result.metrics["train/loss"])
    assert stack.history.mean_squared_errors().isnan().all()


def test_a_net_of_two_columns_is_refused_by_the_loss_that_wants_one(own):
    with pytest.raises(InputError, match=r"^loss: expected a prediction and a target of one shape"):
        assemble(compose([*own, "model._target_=own_lab.MeanAndVariance"]))


MISTAKES = {
    "Missing": r"^model: Missing in .*own_lab\.py:\d+: AttributeError: 'Missing' object has no attribute 'missing'",
    "Wrong": r"^model: Wrong in .*own_lab\.py:\d+: TypeError: ",
    "NoSuper": r"^model: NoSuper in .*own_lab\.py:\d+: AttributeError: cannot assign module before Module.__init__",
    "NoForward": r"^model: .* Module \[NoForward\] is missing the required .forward. function",
    "Nothing": r"^model: expected Nothing\.forward to return a tensor of shape \(sample, 1\), got NoneType",
    "Pair": r"^model: expected Pair\.forward to return a tensor of shape \(sample, 1\), got tuple",
    "Mean": r"^model: expected Mean\.forward to return a tensor of shape \(sample, 1\), got the shape \(\)",
    "Empty": r"^optimizer: expected settings that fit their _target_, but optimizer got an empty parameter list",
    "Detached": r"^model: expected Detached\.forward to return what depends on its parameters, got a constant",
    "Listed": r"^model: expected the layers of Listed\._layers in an nn\.ModuleList, got a list, .* self\._layers = nn",
    "Keyed": r"^model: expected the layers of Keyed\.layers in an nn\.ModuleDict, got a dict",
    "Lazy": r"^model: expected a size for layer\.weight, got a lazy layer",
}


@pytest.mark.parametrize(("name", "message"), MISTAKES.items(), ids=MISTAKES)
def test_a_mistake_in_a_net_is_told_in_one_line_with_its_place(own, name, message):
    with pytest.raises(InputError, match=message) as refusal:
        assemble(compose([*own, f"model._target_=own_lab.{name}"]))
    assert "\n" not in str(refusal.value)


def test_a_mistake_in_reading_points_is_told_with_its_place(own):
    with pytest.raises(InputError, match=r"^data: Broken in .*own_lab\.py:\d+: KeyError: 'points'"):
        assemble(compose([*own, "data._target_=own_lab.Broken"]))


def test_the_first_look_at_a_net_changes_nothing_of_it_or_of_its_points(own):
    data, module = assemble(compose([*own, "model._target_=own_lab.Ordered"]))
    assert module.net.calls == 0
    assert data.train.x[0] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import nothere\n",
            r"^_target_: expected a module that can be imported, .*py:1: .*: No module named 'nothere'",
        ),
        ("half = 1 / 0\n", r"can be imported, but .*\w+\.py:1: ZeroDivisionError: division by zero"),
        ("\nclass Net(\n", r"expected Python, but .*\w+\.py:2 is none \('\(' was never closed\)"),
    ],
    ids=["import", "error", "syntax"],
)
def test_a_file_that_cannot_be_imported_is_told_with_its_line(own, tmp_path, monkeypatch, text, message):
    name = f"broken_{sum(text.encode())}"  # a file of its own for each, since what was read of it is kept
    (tmp_path / f"{name}.py").write_text(text + OWN.partition("class Manual")[0])
    monkeypatch.setenv(targets.VARIABLE, f"own_lab,{name}")
    with pytest.raises(InputError, match=message):
        assemble(compose([*own, f"model._target_={name}.Net"]))


def test_a_data_module_that_does_not_begin_as_all_do_is_told_how(own):
    with pytest.raises(
        InputError, match=r"^data: expected Forgetful\.__init__ to begin with super\(\)\.__init__\(seed, b"
    ):
        assemble(compose([*own, "data._target_=own_lab.Forgetful"]))


@pytest.mark.parametrize("lr", [0.01, 1e30], ids=["converges", "diverges"])
@pytest.mark.parametrize("batch_size", ["null", 2], ids=["full", "batches"])
def test_a_module_that_optimises_by_hand_leaves_what_lightnings_automatic_does(own, tmp_path, lr, batch_size):
    found = {}
    for name, target in (("automatic", "Net"), ("manual", "Manual")):
        (tmp_path / name).mkdir()
        line = [*own, f"model._target_=own_lab.{target}", f"optimizer.lr={lr}", f"data.batch_size={batch_size}"]
        result = train(compose([*line, "trainer.max_steps=9", "trainer.engine=lightning"]), tmp_path / name)
        history = (tmp_path / name / "history.csv").read_text()
        found[name] = (result.status, result.num_steps, result.coefficients, str(result.metrics), history)
    assert found["manual"] == found["automatic"]
    assert found["manual"][0] == ("completed" if lr < 1 else "diverged")


def test_a_training_step_by_hand_that_gives_no_loss_is_refused(own, tmp_path):
    with pytest.raises(
        InputError, match=r"expected a training_step that returns the loss, .* got NoneType from Manual"
    ):
        train(compose([*own, "model._target_=own_lab.Manual", "+model.returns=false"]), tmp_path)


def test_what_lightning_cannot_train_with_is_told_as_it_tells_it(own, tmp_path):
    settings = compose([*own, "model._target_=own_lab.Manual", "trainer.gradient_clip_val=1"])
    with pytest.raises(InputError, match="Lightning can train with, but Automatic gradient clipping is not supported"):
        train(settings, tmp_path)
