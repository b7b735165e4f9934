"""The JSON schemas: every config of the package passes its own, and a slip does not."""

import json

import jsonschema
import pytest
import yaml

from descentlab.settings.config_folders import config_folder
from descentlab.settings.schema import schemas

SCHEMAS = schemas()
FILES = [file for group in SCHEMAS for file in sorted((config_folder() / group).glob("*.yaml"))]


def passes(group: str, settings: object) -> bool:
    return jsonschema.Draft202012Validator(SCHEMAS[group]).is_valid(settings)


@pytest.mark.parametrize("group", SCHEMAS)
def test_a_schema_is_one(group):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[group])


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}={file.stem}")
def test_every_config_passes(file):
    assert passes(file.parent.name, yaml.safe_load(file.read_text()))


SGD = {"_target_": "torch.optim.SGD", "lr": 0.1}


@pytest.mark.parametrize(
    ("group", "settings"),
    [
        ("optimizer", {**SGD, "lrr": 0.1}),
        ("optimizer", {**SGD, "lr": -1.0}),
        ("optimizer", {**SGD, "lr": "fast"}),
        ("optimizer", {"lr": 0.1}),
        ("optimizer", {"defaults": ["_self_"], "lr": 0.1}),
        ("optimizer", {"defaults": ["sgd"], **SGD, "lrr": 0.1}),
        ("trainer", {"_target_": "descentlab.runs.trainer.make_trainer", "max_steps": -1}),
        ("trainer", {"_target_": "descentlab.runs.trainer.make_trainer", "engine": "steam"}),
        ("logger", {"every": 0.5}),
        ("callbacks", {"validation": {"_target_": "descentlab.callbacks.validation.Validation", "evry": 1}}),
    ],
    ids=lambda value: value if isinstance(value, str) else json.dumps(value)[-40:],
)
def test_a_slip_is_caught(group, settings):
    assert not passes(group, settings)


def test_an_interpolation_may_stand_for_a_value_and_a_target_of_the_users_own_takes_anything():
    assert passes("optimizer", {**SGD, "lr": "${rate}"})
    assert passes("model", {"_target_": "my_study.nets.MyNet", "anything": [1, "a"]})


def test_a_file_may_change_what_another_of_its_group_sets():
    assert passes("optimizer", {"defaults": ["sgd"], "lr": 0.2})
