"""Everything in conf composes; what Hydra refuses is told in one line that names the culprit."""

import subprocess
import sys

import pytest
import torch
import yaml

from descentlab.errors import InputError
from descentlab.runs.train import train
from descentlab.settings.compose import compose, read_settings
from descentlab.settings.config_folders import VARIABLE, choices_of, config_folder

EXPLAINED = {
    "optimizer.lrr=0.1": "optimizer.lrr: there is no such key; did you mean lr? Valid: _target_, lr",
    "optimzer.lr=1": "optimzer: there is no such key; did you mean optimizer? Valid: ",
    "modell=linear": "modell: there is no such key; did you mean model? Valid: ",
    "optimizer=sgdd": "optimizer=sgdd: there is no such choice; did you mean sgd? Valid: ",
    "loss=MSE": "loss=MSE: there is no such choice; did you mean mse? Valid: ",
    "experiment=cubicc": "experiment=cubicc: there is no such choice; did you mean cubic? ",
    "model=null": "model=null: expected the name of a choice, got null; Valid: ",
    "loss=2": "loss=2: expected the name of a choice, got 2; Valid: ",
    "optimizer.lr": "optimizer.lr: expected key=value, but it cannot be read (missing EQUAL",
    "data.x=[1": "data.x=[1: expected key=value, but it cannot be read (",
    "a=b=c": "a=b=c: expected key=value, but it cannot be read (",
    "=3": "=3: expected key=value, got no key.",
    "optimizer.lr=0.1,0.2": "optimizer.lr=0.1,0.2: expected one value, got several; for ",
    "optimizer.lr=${nope}": "optimizer.lr: expected a value, but Interpolation key 'nope' not found",
    "~logger": "~logger: expected a group that can be left out; type logger=… instead. Valid: ",
    "~seed": "data.seed: expected a value, but Interpolation key 'seed' not found",
    "optimizer.lr=???": "optimizer.lr: expected a value, but Missing mandatory value",
}


@pytest.mark.parametrize(("override", "message"), EXPLAINED.items(), ids=EXPLAINED)
def test_what_hydra_refuses_is_told_in_one_line(override, message):
    with pytest.raises(InputError) as refusal:
        compose([override])
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


HEAD = "# @package _global_\n"
FILES = {
    "defaults:\n  - override /model: linear\n": "expected the first line # @package _global_, without which",
    "trainer:\n  max_steps: 7\n": "expected an experiment file whose first line is # @package _global_",
    f"{HEAD}defaults:\n  - override model: linear\n": "slash before it; type `override /model: …`",
    f"{HEAD}defaults:\n  - override /modl: linear\n": "modl: there is no such group; did you mean model?",
    f"{HEAD}defaults:\n  - model: linear\n": "type `override /model: linear`",
    f"{HEAD}defaults:\n  - /model: linear\n": "expected one choice, got several; on the command line type model=… with",
    f"{HEAD}defaults:\n  - override /model: linaer\n": "model=linaer: there is no such choice; did you mean ",
    f"{HEAD}model:\n\tseed: 3\n": "mine.yaml, line 3: expected YAML, but found character '\\t' that cannot",
    f"{HEAD}- model\n": "mine.yaml: expected settings of a run, key: value, but they do not fit in (Cannot merge",
    f"{HEAD}defaults: linear\n": "experiment/mine.yaml: defaults: expected a list, such as `- /data@_",
    f"{HEAD}defaults:\n  /model: linear\n": "experiment/mine.yaml: defaults: expected a list, such as",
    f"{HEAD}defaults: [5]\n": "experiment/mine.yaml: defaults: Unsupported type in defaults : int; type a list, such",
    f"{HEAD}defaults: [{{/a: b, /c: d}}]\n": "experiment/mine.yaml: defaults: In experiment/mine: Too many keys",
    f"{HEAD}defaults: [{{/data: 5}}]\n": "experiment/mine.yaml: defaults: Unsupported item value in defaults : int",
    f"{HEAD}defaults: [mine]\n": "experiment/mine.yaml: defaults: expected other files, but it comes back to itself",
    f"{HEAD}name: ${{seed\n": "experiment/mine.yaml: expected settings of a run, key: value, but ",
    "5\n": "experiment/mine.yaml: expected settings of a run, key: value, but Invalid loaded object type: int",
    f"{HEAD}\x00": "expected configs in YAML, but unacceptable character #x0000",
}
"""Experiments that are none, and how they are told."""


@pytest.mark.parametrize(("text", "message"), FILES.items(), ids=FILES.values())
def test_what_is_wrong_in_an_experiment_is_told_in_one_line(tmp_path, monkeypatch, text, message):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(text)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(InputError) as refusal:
        compose(["experiment=mine"])
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_model_that_names_no_data_is_told_how_to_be_given_some(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text(
        "_target_: descentlab.nets.linear.Linear\nnum_features: ${data.num_features}\nseed: 1\n"
    )
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match=r"^data.num_features: expected data that .*; type \+data=…, or write"):
        compose(["model=mine"])
    with pytest.raises(InputError, match=r"^data: .* `defaults: \[/data@_global_\.data: kink\]`; type \+data=…"):
        compose(["model=mine", "data=kink"])
    line = ["model=mine", "+data=kink", "+model.bias=true", "+model.parameterization=bias"]
    assert compose([*line, "+model.initial_coefficients=null"])["data"]["_target_"].endswith("kink")


def test_every_choice_composes_and_fills_its_group(any_choice):
    group, _, choice = any_choice.partition("=")
    settings = compose([any_choice])
    written = yaml.safe_load((config_folder() / group / f"{choice}.yaml").read_text())
    if "_target_" in written:
        assert settings[group]["_target_"] == written["_target_"]


def test_every_experiment_opens_with_its_command_line(any_experiment):
    lines = (config_folder() / "experiment" / f"{any_experiment}.yaml").read_text().splitlines()
    assert lines[:2] == ["# @package _global_", f"# python scripts/train.py experiment={any_experiment}"]


def test_every_experiment_gives_a_run_its_name(trained, any_experiment):
    assert trained(f"experiment={any_experiment}", "trainer.max_steps=20").settings["name"] == any_experiment


def test_every_experiment_keeps_its_data_with_another_model(any_experiment):
    data, refused = compose([f"experiment={any_experiment}"])["data"], []
    for model in choices_of("model"):
        try:
            found = compose([f"experiment={any_experiment}", f"model={model}"])
        except InputError as error:
            refused.append(str(error))
        else:
            assert found["data"] == data, model
    assert all(text.startswith("model.") for text in refused)  # settings that another model does not have


def test_every_experiment_trains(trained, any_experiment):
    result = trained(f"experiment={any_experiment}", "trainer.max_steps=20").result
    assert (result["status"], result["num_steps"]) == ("completed", 20)


def test_every_choice_trains(any_choice, tmp_path):
    points = ["data.x=[1,2,3]", "data.y=[2,4,6]"] if any_choice == "data=table" else []
    model = ["model=linear"] if any_choice.startswith("data=") else []  # it takes any number of features
    one_device = ["trainer.devices=1"] if any_choice.startswith("trainer=") else []
    settings = compose([*model, any_choice, *points, *one_device, "trainer.max_steps=2"])
    if settings["trainer"]["accelerator"] == "gpu" and not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    if any_choice in ("logger=wandb", "logger=mlflow"):
        pytest.importorskip(any_choice.partition("=")[2], reason="an extra that is not installed")
    result = train(settings, tmp_path)
    assert (result.status, result.num_steps) == ("completed", 2)


def test_a_model_brings_its_usual_data_and_a_typed_choice_replaces_it():
    assert compose(["model=relu_net"])["data"]["_target_"].endswith("kink")
    assert compose(["model=polynomial"])["data"]["_target_"].endswith("cubic")
    assert compose(["model=polynomial", "data=kink"])["data"]["_target_"].endswith("kink")


def test_a_run_without_an_experiment_is_named_after_its_model():
    assert compose(["model=wide_net"])["name"] == "wide_net"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ("data.x=[1,2] data.y=[1,2]", 1),
        ("data.x=[[1,2,3]] data.y=[1]", 3),
        ("data.path=p.csv data.features=[a,b] data.target=y", 2),
    ],
    ids=["numbers", "rows", "columns"],
)
def test_a_table_counts_its_features(overrides, expected):
    settings = compose(["model=linear", "data=table", *overrides.split()])
    assert settings["model"]["num_features"] == settings["data"]["num_features"] == expected


def test_a_file_that_is_no_config_is_refused(tmp_path):
    file = tmp_path / "config.yaml"
    with pytest.raises(InputError, match=r"config\.yaml: there is no such file; give the folder of a run"):
        read_settings(file)
    file.write_text("a: [1")
    with pytest.raises(InputError, match=r"config\.yaml: expected the config of a run, but it cannot be read"):
        read_settings(file)
    file.write_text("- 1\n- 2\n")
    with pytest.raises(InputError, match=r"config\.yaml: expected the config of a run, got list"):
        read_settings(file)


def test_settings_are_composed_and_checked_without_importing_torch():
    program = """
import sys
from descentlab.settings.compose import compose
compose(["experiment=cubic", "optimizer=adam", "scheduler=cosine"])
heavy = {"torch", "lightning", "numpy", "tensorboard", "matplotlib"} & set(sys.modules)
sys.exit(f"imported: {heavy}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
