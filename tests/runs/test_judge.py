"""Evaluate and predict: model and data rebuilt from the run folder alone."""

import shutil

import pytest
import torch

from descentlab.errors import InputError
from descentlab.runs.assemble import assemble
from descentlab.runs.judge import evaluate, predict
from descentlab.runs.load import load_data, load_module, read_checkpoint
from descentlab.runs.train import train
from descentlab.settings import compose as composing
from descentlab.settings.compose import compose

SHORT = ("trainer.max_steps=20", "logger.every=1")


@pytest.fixture(scope="module")
def run(trained):
    return trained("model=relu_net", *SHORT)


def test_the_metrics_are_those_that_the_run_ended_with(run):
    found = evaluate(run.folder)
    ended = {f"{stage}/{name}": value for stage, metrics in found.items() for name, value in metrics.items()}
    assert list(found) == ["train", "val", "test"]
    assert {name: ended[name] for name in run.result["metrics"]} == run.result["metrics"]


def test_the_test_points_are_judged_by_the_trained_net(run):
    data, _ = assemble(run.settings)
    x, y = data.stages()["test"]
    with torch.no_grad():
        expected = torch.nn.functional.mse_loss(load_module(run.folder).net(x), y)
    assert evaluate(run.folder)["test"]["mse"] == expected.item()


def test_the_best_checkpoint_has_the_lowest_validation_loss_of_the_history(trained):
    run = trained("experiment=one_weight_overshoot", "logger.every=1", "trainer.max_steps=4")
    found = evaluate(run.folder, "best")["val"]["loss"]
    assert torch.tensor(found) == run.column("val/loss").nan_to_num(torch.inf).min()


def test_a_folder_is_enough_whatever_the_defaults_have_become(run, tmp_path, monkeypatch):
    expected = evaluate(run.folder)
    moved = shutil.copytree(run.folder, tmp_path / "moved")
    monkeypatch.setattr(composing, "config_folder", lambda: tmp_path / "no configs here")
    monkeypatch.chdir(tmp_path)
    assert evaluate(moved) == expected


def test_predictions_are_the_nets_one_a_sample(run):
    x = torch.tensor([[0.1], [0.5]])
    with torch.no_grad():
        expected = load_module(run.folder).net(x)[:, 0].tolist()
    assert predict(run.folder, x) == expected


def test_another_number_of_features_is_refused(run):
    with pytest.raises(InputError, match=r"x: expected 1 features a sample, got 2"):
        predict(run.folder, torch.zeros(3, 2))


def table(tmp_path) -> list[str]:
    file = tmp_path / "points.csv"
    file.write_text("a,b,y\n" + "".join(f"{k},{k % 3},{2 * k - k % 3 + 0.5}\n" for k in range(12)))
    return ["data=table", f"data.path={file}", "data.features=[b,a]", "data.target=y", "data.val_fraction=0.25"]


@pytest.mark.parametrize("standardize", ["true", "false"])
def test_a_table_is_judged_and_predicted_when_its_file_is_gone(tmp_path, standardize):
    folder = tmp_path / "run"
    folder.mkdir()
    settings = compose(["model=linear", *table(tmp_path), f"data.standardize={standardize}", *SHORT])
    result = train(settings, folder)
    (tmp_path / "points.csv").unlink()
    found = evaluate(folder)
    assert {f"{stage}/{name}": value for stage, m in found.items() for name, value in m.items()} == result.metrics
    w = list(result.coefficients.values())
    assert predict(folder, torch.tensor([[1.0, 4.0]])) == pytest.approx([w[0] + w[1] + 4 * w[2]], rel=1e-5)


def test_the_split_of_a_table_is_the_one_trained_on(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    settings = compose(["model=linear", *table(tmp_path), *SHORT])
    train(settings, folder)
    trained_on, _ = assemble(settings)
    for stage, points in load_data(folder).stages().items():
        assert torch.equal(points.x, trained_on.stages()[stage].x)


def test_loading_a_run_leaves_the_settings_of_its_model(run):
    module = load_module(run.folder)
    assert dict(module.hparams)["hidden_width"] == 2
    assert not module.training


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run.folder, tmp_path / "copy")


def test_a_folder_that_is_no_runs_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"config\.yaml: there is no such file; give the folder of a run"):
        evaluate(tmp_path)


def test_a_missing_checkpoint_is_named(copy):
    (copy / "checkpoints" / "best.ckpt").unlink()
    with pytest.raises(InputError, match=r"best\.ckpt: there is no such checkpoint"):
        evaluate(copy, "best")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99], ids=["empty", "half", "almost whole"])
def test_a_checkpoint_cut_short_is_refused(copy, share):
    file = copy / "checkpoints" / "last.ckpt"
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"last\.ckpt: expected a checkpoint of plain values, but it is damaged"):
        evaluate(copy)


class Harmful:
    """What a checkpoint could hold that runs when it is unpickled."""

    ran = False

    def __reduce__(self):
        return (setattr, (Harmful, "ran", True))


def test_a_checkpoint_that_holds_code_is_refused_and_nothing_runs(copy):
    torch.save({"state_dict": {}, "surprise": Harmful()}, copy / "checkpoints" / "last.ckpt")
    with pytest.raises(InputError, match="holds code that would be run"):
        evaluate(copy)
    assert not Harmful.ran


def test_a_checkpoint_of_another_model_is_refused(copy):
    file = copy / "checkpoints" / "last.ckpt"
    checkpoint = read_checkpoint(file)
    checkpoint["state_dict"] = {"net.linear.weight": torch.zeros(1, 1)}
    torch.save(checkpoint, file)
    with pytest.raises(InputError, match=r"last\.ckpt: expected the weights of the model in config\.yaml"):
        evaluate(copy)


def test_a_file_that_is_no_checkpoint_is_refused(copy):
    torch.save([1, 2], copy / "checkpoints" / "last.ckpt")
    with pytest.raises(InputError, match="expected a checkpoint with a state_dict, got list"):
        evaluate(copy)
