"""JSON schemas of the config files, for the completion and the checks of an editor.

What a file may hold is read where the settings are checked: from the signatures of the targets and from
the tables of `groups`. An interpolation such as `${seed}` may stand for any value.
"""

from typing import Any

import yaml
from pydantic import TypeAdapter

from descentlab.settings.check import parameters_of, takes_any
from descentlab.settings.config_folders import config_folder

SCHEMA = "https://json-schema.org/draft/2020-12/schema"
_INTERPOLATION = {"type": "string", "pattern": r"\$\{"}
_SEVERAL = ("callbacks", "logger")


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of the files of each group that has targets, by the group's name."""
    groups = ("model", "data", "loss", "optimizer", "scheduler", "trainer", *_SEVERAL)
    return {group: {"$schema": SCHEMA, "title": group, **_of_group(group)} for group in groups}


def _of_group(group: str) -> dict[str, Any]:
    targets = sorted(_targets(group))
    blocks = [_of_target(target, group) for target in targets]
    own = {"type": "object", "properties": {"_target_": {"type": "string", "not": {"enum": targets}}}}  # the user's
    block = {"anyOf": [*blocks, {**own, "required": ["_target_"]}, _null_target(), _heir()]}
    if group not in _SEVERAL:
        return block
    entries = {"defaults": {"type": "array"}}
    if group == "logger":
        entries["every"] = _value(int)
    return {"type": "object", "properties": entries, "additionalProperties": {"anyOf": [block, {"type": "null"}]}}


def _null_target() -> dict[str, Any]:
    return {"type": "object", "properties": {"_target_": {"type": "null"}}, "required": ["_target_"]}


def _heir() -> dict[str, Any]:
    """A file that changes what another of its group sets."""
    takes_another = {"type": "array", "contains": {"type": "string", "not": {"const": "_self_"}}}
    return {
        "type": "object",
        "properties": {"defaults": takes_another},
        "required": ["defaults"],
        "not": {"required": ["_target_"]},
    }


def _of_target(target: str, group: str) -> dict[str, Any]:
    parameters = parameters_of(target, group, group)
    values = {name: _value(parameter.annotation) for name, parameter in parameters.items()}
    return {
        "type": "object",
        "properties": {"defaults": {"type": "array"}, "_target_": {"const": target}, **values},
        "required": ["_target_"],
        "additionalProperties": takes_any(target, group),
    }


def _value(annotation: Any) -> dict[str, Any]:
    return {} if annotation is Any else {"anyOf": [TypeAdapter(annotation).json_schema(), _INTERPOLATION]}


def _targets(group: str) -> set[str]:
    """The targets that the package's own choices of a group name."""
    found = set()
    for file in (config_folder() / group).glob("*.yaml"):
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
        blocks = [each for each in settings.values() if isinstance(each, dict)] if group in _SEVERAL else [settings]
        found |= {block["_target_"] for block in blocks if block.get("_target_") is not None}
    return found
