"""Which packages a config may name: those of the project, and the user's own where they are typed."""

import os
import sys

import pytest
import yaml

from descentlab import targets
from descentlab.errors import InputError
from descentlab.settings.compose import compose, read_settings
from descentlab.settings.trust import trust_typed
from descentlab.targets import ALLOWED, build, locate, trusted_packages

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, num_features: int, width: int):
        super().__init__()
        self.layer = nn.Linear(num_features, width)
        self.output = nn.Linear(width, 1)

    def forward(self, x):
        return self.output(self.layer(x).tanh())
"""
OWN = (
    "model._target_=their_study.Net",
    "~model.hidden_width",
    "~model.num_hidden_layers",
    "~model.activation",
    "~model.bias",
    "+model.width=3",
)


@pytest.fixture(autouse=True)
def untrusting(monkeypatch):
    monkeypatch.setenv(targets.VARIABLE, "")


@pytest.fixture
def their_study(tmp_path, monkeypatch):
    """A package of the user's own."""
    (tmp_path / "their_study").mkdir()
    (tmp_path / "their_study" / "__init__.py").write_text(NET)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("their_study", None)


@pytest.mark.parametrize("target", ["os.system", "subprocess.Popen", "builtins.eval"])
def test_modules_of_python_are_no_package_of_ones_own(target):
    with pytest.raises(InputError, match="expected a path that begins with") as refusal:
        targets.check_trusted(target, "callbacks.mine._target_", "callbacks")
    assert "trusted_packages" not in str(refusal.value)
    with pytest.raises(InputError, match=r"type trusted_packages=\[my_study\]"):
        targets.check_trusted("my_study.Mine", "callbacks.mine._target_", "callbacks")


@pytest.mark.usefixtures("their_study")
def test_a_package_of_ones_own_is_refused_with_what_to_type():
    with pytest.raises(InputError, match=r"type trusted_packages=\[their_study\]"):
        compose(OWN)
    assert "their_study" not in sys.modules


@pytest.mark.usefixtures("their_study")
def test_a_package_that_is_typed_is_trusted_and_trains(train_with, tmp_path):
    run = train_with(
        tmp_path / "run" if (tmp_path / "run").mkdir() is None else tmp_path,
        [],
        *OWN,
        "trusted_packages=[their_study]",
        "trainer.max_steps=3",
        "logger=none",
    )
    assert run.result["status"] == "completed"
    assert run.settings["trusted_packages"] == ["their_study"]


@pytest.mark.usefixtures("their_study")
def test_a_package_in_the_environment_is_trusted(monkeypatch):
    monkeypatch.setenv(targets.VARIABLE, "other,their_study")
    assert compose(OWN)["model"]["_target_"] == "their_study.Net"


@pytest.mark.usefixtures("their_study")
def test_a_run_folder_cannot_grant_itself_trust(tmp_path):
    settings = {
        **compose(),
        "trusted_packages": ["their_study"],
        "model": {"_target_": "their_study.Net", "num_features": 1, "width": 3, "seed": 1},
    }
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(settings))
    with pytest.raises(InputError, match=r"model._target_: expected a path that begins with descentlab"):
        read_settings(file)
    assert "their_study" not in sys.modules
    trust_typed(["trusted_packages=[their_study]"])
    assert read_settings(file)["model"]["width"] == 3


@pytest.mark.usefixtures("their_study")
def test_an_experiment_cannot_grant_itself_trust(tmp_path, monkeypatch):
    import shutil

    from descentlab.settings import compose as composing

    conf = shutil.copytree(composing.config_folder(), tmp_path / "conf")
    (conf / "experiment" / "theirs.yaml").write_text(
        "# @package _global_\ntrusted_packages: [their_study]\nmodel:\n  _target_: their_study.Net\n"
    )
    monkeypatch.setattr(composing, "config_folder", lambda: conf)
    with pytest.raises(InputError, match=r"model\._target_: expected a path that begins with"):
        compose(["experiment=theirs"])


def test_trust_is_inherited_by_the_processes_that_are_started():
    trust_typed(["a=1", "trusted_packages=[their_study, other]", "+trusted_packages=[their_study]"])
    assert os.environ[targets.VARIABLE] == "their_study,other"
    assert trusted_packages() == ("their_study", "other")


def test_the_other_arguments_are_given_back():
    assert trust_typed(["a=1", "trusted_packages=[]", "b"]) == ["a=1", "b"]


@pytest.mark.parametrize("value", ["their_study", "[os.path]", "[a b]", "[1a]", "{a:1}", "[a,../b]"])
def test_what_is_no_list_of_packages_is_refused(value):
    with pytest.raises(InputError, match=r"^trusted_packages: expected "):
        trust_typed([f"trusted_packages={value}"])


RUN_SOMETHING = {
    "torch.hub.load": "model",
    "torch.load": "model",
    "torch.jit.load": "model",
    "torch.utils.cpp_extension.load_inline": "callbacks.mine",
    "torch.utils.collect_env.run": "callbacks.mine",
    "torch.distributed.run.main": "trainer",
    "lightning.pytorch.cli.LightningCLI": "trainer",
    "lightning.fabric.utilities.cloud_io._load": "callbacks.mine",
    "descentlab.runs.files.write_whole": "callbacks.mine",
    "descentlab.runs.folders.take_away": "callbacks.mine",
    "descentlab.engines.compile.compile_function": "loss",
    "descentlab.engines.c.build.build": "loss",
    "descentlab.commands.background.draw_in_background": "loss",
    "descentlab.functional.losses.functools.partial": "loss",
    "os.system": "loss",
    "builtins.exec": "model",
    "subprocess.run": "data",
    "hydra.utils.instantiate": "model",
    "torchmetrics.functional.mean_squared_error": "loss",
    "torch_evil.nn.Net": "model",
    "descentlab_evil.Net": "model",
}


@pytest.mark.parametrize(("target", "key"), RUN_SOMETHING.items(), ids=RUN_SOMETHING)
def test_a_target_that_could_load_write_or_run_something_is_refused_unimported(target, key):
    plus = "+" if key.startswith("callbacks") else ""
    with pytest.raises(InputError, match=rf"^{key}\._target_: "):
        compose([f"{plus}{key}._target_={target}"])


@pytest.mark.parametrize(("target", "key"), RUN_SOMETHING.items(), ids=RUN_SOMETHING)
def test_such_a_target_is_refused_again_where_it_would_be_called(target, key):
    with pytest.raises(InputError, match=r"^_target_: expected "):
        build({"_target_": target})


@pytest.mark.parametrize(
    "target",
    [
        "descentlab.callbacks.checkpoint.Path",
        "descentlab.data.csv_file.csv.reader",
        "descentlab.modules.regression.locate",
        "descentlab.modules.regression.choose_engine",
        "lightning.pytorch.callbacks.model_checkpoint.shutil.rmtree",
        "torch.nn.modules.module.OrderedDict",
        "descentlab.nets.linear",
        "descentlab.callbacks.history.MOST_ROWS",
    ],
)
def test_what_an_allowed_module_only_imports_is_not_allowed(target):
    with pytest.raises(InputError, match=r"^_target_: expected "):
        locate(target)


@pytest.mark.parametrize(
    "target",
    [
        "torch.nn.MSELoss",
        "torch.nn.functional.huber_loss",
        "torch.nn.functional.gelu",
        "torch.optim.Adagrad",
        "lightning.pytorch.callbacks.Timer",
    ],
)
def test_what_is_defined_there_is_allowed(target):
    assert callable(locate(target))


def test_every_choice_of_the_configs_is_allowed_in_its_group(any_choice):
    group, _, _ = any_choice.partition("=")
    assert group in ALLOWED or group == "debug"
    compose([any_choice])


@pytest.mark.parametrize("key", ["_args_", "_partial_", "_recursive_", "_convert_"])
@pytest.mark.parametrize("group", ["model", "loss", "callbacks.progress", "logger.csv"])
def test_the_words_of_hydras_instantiate_mean_nothing_here(group, key):
    with pytest.raises(InputError, match=rf"^{group}\.{key}: there is no such setting"):
        compose([f"+{group}.{key}=[1]"])


@pytest.mark.parametrize(
    "block",
    [
        {"hydra": {"callbacks": {"theirs": {"_target_": "os.system", "command": "touch harmed"}}}},
        {"hydra": {"launcher": {"_target_": "os.system"}}},
        {"defaults": ["os"]},
    ],
    ids=["callback", "launcher", "defaults"],
)
def test_a_run_folder_tells_hydra_nothing(tmp_path, monkeypatch, block):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**compose(), **block}))
    with pytest.raises(InputError, match="there is no such key"):
        read_settings(tmp_path / "config.yaml")
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_an_interpolation_in_a_run_folder_is_text(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "hidden")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**compose(), "name": "${oc.env:SECRET}"}))
    assert read_settings(tmp_path / "config.yaml")["name"] == "${oc.env:SECRET}"
