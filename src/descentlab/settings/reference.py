"""The reference of every key of the config: type, range, default and meaning, read from where they stand.

Types and ranges come from the signatures that check the settings, defaults and remarks from the YAML of the
choice, meanings from the `Args` of the docstrings.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from annotated_types import Ge, Gt, Le, Len, Lt, MinLen
from pydantic import BaseModel

from descentlab.settings.check import parameters_of
from descentlab.settings.flat import value_at
from descentlab.settings.groups import RootSettings
from descentlab.settings.signature import Parameter, signature_of

_INTRODUCTION = """# Every setting

Made by `python scripts/reference.py` from the code that checks the settings; do not edit it by hand.

`group=choice` on the command line takes a file of `conf/<group>`, `group.key=value` changes one setting, and
`python scripts/train.py … --cfg job` shows what came of them. A default such as `${data.num_features}` is another
key's value. What else a class of PyTorch takes is set with a plus, `+optimizer.amsgrad=true`.
"""

_GROUPS = ("model", "data", "loss", "optimizer", "scheduler", "trainer", "callbacks", "logger")

_MEANINGS = {
    "alpha": "how much of the mean of squares is kept in a step",
    "batch_size": "points a gradient step sees; null is all",
    "betas": "how much of the mean gradient, and of the mean of squares, is kept in a step",
    "centered": "divide by the variance of the gradient in place of its mean square",
    "dampening": "how much of a new gradient the momentum leaves out",
    "eps": "added to what is divided by",
    "eta_min": "the learning rate at the end",
    "gamma": "what the learning rate is multiplied by",
    "history_size": "updates that the curvature is estimated from",
    "line_search_fn": "how the length of a step is found; null takes the learning rate",
    "lr": "learning rate",
    "max_iter": "inner steps of one update",
    "momentum": "how much of the last step is added to the next",
    "nesterov": "look at the gradient where momentum leads",
    "num_features": "inputs of a sample",
    "seed": "of the group's draws, 0 to 2^63 - 1",
    "step_size": "steps between two changes of the learning rate",
    "T_max": "steps down to the lowest learning rate",
    "weight_decay": "pull of the parameters towards 0",
}
"""Of names that torch gives, and of those that every choice of a group takes."""


def configuration_page(conf: Path) -> str:
    """The whole page, in Markdown.

    Args:
        conf: the folder of the configs.
    """
    parts = [_INTRODUCTION, "## The run\n", _table(_root_rows(conf))]
    for group in _GROUPS:
        parts.append(f"## {group}\n")
        for file in sorted((conf / group).glob("*.yaml")):
            parts += [f"### `{group}={file.stem}`\n", _title(file), _table(_choice_rows(group, file))]
    return "\n".join(part for part in parts if part).rstrip("\n") + "\n"


Row = tuple[str, str, str, str]


def _table(rows: Iterator[Row]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *lines, ""]) if lines else ""


def _root_rows(conf: Path) -> Iterator[Row]:
    values, remarks = _read(conf / "train.yaml")
    for choice in values["defaults"]:
        for group, name in choice.items() if isinstance(choice, dict) else ():
            if group not in values and (conf / group / f"{name}.yaml").is_file():
                values[group], theirs = _read(conf / group / f"{name}.yaml")
                remarks |= {(group, *path): remark for path, remark in theirs.items()}
    for path, annotation in _leaves(RootSettings, ()):
        if path in [(group,) for group in _GROUPS]:
            continue
        key = ".".join(path)
        yield f"`{key}`", describe(annotation), _shown(value_at(values, key)), remarks.get(path, "")


def _leaves(block: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The keys of a block with their types."""
    for name, field in block.model_fields.items():
        annotation: Any = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _leaves(annotation, (*path, name))
        else:
            yield (*path, name), Annotated[(annotation, *field.metadata)] if field.metadata else annotation


def _choice_rows(group: str, file: Path) -> Iterator[Row]:
    values, remarks = _read(file)
    if group in ("callbacks", "logger"):
        for name, value in values.items():
            if isinstance(value, Mapping):
                yield from _target_rows(group, f"{group}.{name}", value, remarks, (name,))
            elif name != "defaults":
                yield f"`{group}.{name}`", "int ≥ 1", _shown(value), remarks.get((name,), "")
    else:
        yield from _target_rows(group, group, values, remarks, ())


def _target_rows(
    group: str, key: str, values: Mapping[str, Any], remarks: Mapping[tuple[str, ...], str], path: tuple[str, ...]
) -> Iterator[Row]:
    target = values.get("_target_")
    parameters: dict[str, Parameter] = {} if target is None else parameters_of(target, group, key)
    docstring = "" if target is None else signature_of(target).docstring
    said, said_first = arguments_said(docstring), " ".join(docstring.partition("\n\n")[0].split())
    is_ours = str(target).startswith(__name__.partition(".")[0])
    said_of_all = "none" if target is None else said_first if is_ours else "of PyTorch"
    yield f"`{key}._target_`", "path", _shown(target), said_of_all
    further = [name for name in parameters if name not in values and is_ours]
    for name in [*(name for name in values if name in parameters), *further]:
        meanings = [remarks.get((*path, name)), said.get(name), _MEANINGS.get(name)]
        default = (
            _shown(values[name]) if name in values else "required" if parameters[name].required else "the target's own"
        )
        meaning = next((meaning for meaning in meanings[1:] if meaning), meanings[0] or "")
        yield f"`{key}.{name}`", describe(parameters[name].annotation), default, meaning


def arguments_said(docstring: str) -> dict[str, str]:
    """What the section `Args` of a docstring says, by the argument's name."""
    section = re.search(r"^Args:\n((?:    .*\n?|\n)+)", docstring, re.MULTILINE)
    entries = re.split(r"^    (?=\w)", section[1], flags=re.MULTILINE)[1:] if section else []
    said = {}
    for entry in entries:
        names, _, text = entry.partition(": ")
        for name in names.split(", "):
            said[name] = " ".join(text.split()).rstrip(".")
    return said


def describe(annotation: Any) -> str:
    """A type with its range in words: `int ≥ 1`, `float > 0 or null`, `list of float`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        limits = " and ".join(filter(None, map(_limit, arguments[1:])))
        return f"{describe(arguments[0])} {limits}".strip()
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin in (Union, UnionType):
        return " or ".join(describe(argument) for argument in arguments)
    if origin is list:
        return f"list of {describe(arguments[0])}"
    if annotation is NoneType:
        return "null"
    return {int: "int", float: "float", str: "text", bool: "true or false"}.get(annotation, "any")


def _limit(limit: Any) -> str:
    if isinstance(limit, Len) and limit.min_length == limit.max_length:
        return f"of {limit.min_length}"
    if isinstance(limit, MinLen | Len):
        return "not empty" if limit.min_length == 1 else f"of at least {limit.min_length}"
    signs = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}
    for kind, (sign, name) in signs.items():
        if isinstance(limit, kind):
            value = getattr(limit, name)
            return f"{sign} {'2^63' if value == 2**63 else value}"
    return ""


def _read(file: Path) -> tuple[dict[str, Any], dict[tuple[str, ...], str]]:
    """The values of a YAML file and of those of its folder that it changes, and the remarks behind them by the path
    of their key."""
    text = file.read_text(encoding="utf-8")
    own = yaml.safe_load(text) or {}
    values: dict[str, Any] = {}
    remarks: dict[tuple[str, ...], str] = {}
    for choice in own.get("defaults", []):
        if isinstance(choice, str) and (base := file.with_name(f"{choice}.yaml")).is_file():
            theirs = _read(base)
            values |= theirs[0]
            remarks |= theirs[1]
    path: list[str] = []
    for line in text.splitlines():
        if match := re.match(r"( *)(\w+):(?: (.*))?$", line):
            path = [*path[: len(match[1]) // 2], match[2]]
            if remark := re.search(r"(?:^|\s)# (.*)$", match[3] or ""):
                remarks[tuple(path)] = remark[1]
    return values | own, remarks


def _title(file: Path) -> str:
    lines = file.read_text(encoding="utf-8").splitlines()
    return "\n".join(line.removeprefix("# ") for line in lines if line.startswith("# ")) + "\n"


def _shown(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n...\n").strip()
    return f"`{text.strip(chr(39))}`"
