"""Every setting against its type and range, before anything is built."""

import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from descentlab.errors import InputError, did_you_mean
from descentlab.settings.groups import COMMON, PROVIDED, RANGES, PositiveInt, RootSettings
from descentlab.settings.own_files import HEADER
from descentlab.settings.signature import Parameter, Signature, signature_of
from descentlab.targets import check_trusted

_OPEN = ("callbacks", "logger")  # whose targets may hand keywords on to another library

_COMPUTED = ("data", "model", "loss", "optimizer", "scheduler")
_LARGEST = (2 - 2**-23) * 2.0**127
"""Of float32."""


def check(
    settings: Mapping[str, Any], before: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """The settings in their own types (a 1 that is meant as a number is 1.0), if they can be run.

    Args:
        settings: the whole resolved config as plain values.
        before: other settings and what this gave for them: groups that are the same object in both are not
            looked at again.

    Raises:
        InputError: names the first key that is unknown, missing, of another type or out of range,
            with what was expected and what came.
    """
    _validate(_root(), dict(settings), "")
    _refuse_path(settings["name"])
    checked = dict(settings)
    known, found = before or ({}, {})

    def is_known(group: str) -> bool:
        return group in known and settings[group] is known[group]

    for group in ("trainer", "data", "model", "loss", "optimizer", "scheduler"):  # a value before those that repeat it
        checked[group] = dict(found[group]) if is_known(group) else check_target(settings[group], group, group)
    for group in ("logger", "callbacks"):  # likewise
        checked[group] = dict(found[group]) if is_known(group) else _check_targets(settings[group], group)
    return checked


def _refuse_path(name: str) -> None:
    if re.search(r"[/\\\0]", name) or name in (".", ".."):
        raise InputError(f"name: expected the name of a folder, without slashes, got {name!r}.")


def _check_targets(specs: Mapping[str, Any], group: str) -> dict[str, Any]:
    """The settings of a group that has several targets by name, and `logger.every` beside them."""
    every = {"every": check_value(specs.get("every"), PositiveInt, "logger.every")} if group == "logger" else {}
    return {
        name: spec if spec is None else check_target(spec, group, f"{group}.{name}")
        for name, spec in specs.items()
        if name not in every
    } | every


@cache
def _root() -> TypeAdapter:
    return TypeAdapter(RootSettings)


def check_target(spec: Any, group: str, key: str) -> dict[str, Any]:
    """The settings of one target, checked: what `spec["_target_"]` takes is read from its source.

    Args:
        spec: the plain values at `key`, `_target_` among them; a null `_target_` takes nothing else.
        group: the group whose common settings and ranges hold.
        key: the full key, for the message.
    """
    if not isinstance(spec, Mapping) or "_target_" not in spec:
        raise InputError(f"{key}: expected a mapping with a _target_, got {spec!r}.")
    target = spec["_target_"]
    parameters = parameters_of(target, group, key)
    is_open = takes_any(target, group)
    checked = {"_target_": target}
    for name, value in spec.items():
        if name == "_target_":
            continue
        if name.startswith("_"):  # Hydra's own words, such as _args_ and _partial_
            raise InputError(f"{key}.{name}: there is no such setting; {did_you_mean(name, parameters)}")
        if name in parameters:
            checked[name] = check_value(value, parameters[name].annotation, f"{key}.{name}")
        elif is_open:
            checked[name] = value
        else:
            valid = did_you_mean(name, parameters)
            remedy = "" if valid.startswith("did you mean") else f" Type ~{key}.{name} where a choice has set it."
            raise InputError(f"{key}.{name}: there is no such setting; {valid}{remedy}")
    for name, parameter in parameters.items():
        if parameter.required and name not in spec:
            raise InputError(f"{key}.{name}: {target} needs a value, got none; give {key}.{name}=…")
    return checked


def takes_any(target: Any, group: str) -> bool:
    """Whether a target of a group may be given keywords beside those of its own signature."""
    return group in _OPEN and target is not None and signature_of(target).takes_any


def parameters_of(target: Any, group: str, key: str) -> dict[str, Parameter]:
    """What a target takes in a group of the config, by name: its own settings and those of every choice."""
    if target is None and group == "scheduler":
        return {}
    if not isinstance(target, str):
        raise InputError(f"{key}._target_: expected a dotted path, got {target!r}.")
    check_trusted(target, f"{key}._target_", group)
    ranges = RANGES.get(group, {})
    own = {
        name: Parameter(ranges.get(name, parameter.annotation), parameter.required)
        for name, parameter in _signature(target, key).parameters.items()
        if name not in PROVIDED.get(group, ())
    }
    return {**COMMON.get(group, {}), **own}


def _signature(target: str, key: str) -> Signature:
    try:
        return signature_of(target)
    except InputError as error:
        raise InputError(f"{key}.{error}") from error


def check_value(value: Any, annotation: Any, key: str) -> Any:
    """The value in the type of an annotation with ranges (`Annotated[int, Ge(1)]`), if it fits.

    Raises:
        InputError: the key, what was expected and what came.
    """
    _refuse_too_large(value, key)
    return value if annotation is Any else _validate(_adapter(annotation), value, key)


def _refuse_too_large(value: Any, key: str) -> None:
    """No count, seed or index is beyond 64 bits, and what is computed with is float32: torch takes neither."""
    if isinstance(value, list):
        for number, entry in enumerate(value):
            _refuse_too_large(entry, f"{key}.{number}")
    elif isinstance(value, int) and abs(value) >= 2**63:
        raise InputError(f"{key}: expected a value less than {2**63} in size, got {value}.")
    elif isinstance(value, float) and key.partition(".")[0] in _COMPUTED and _LARGEST < abs(value) < math.inf:
        raise InputError(f"{key}: expected a value of at most {_LARGEST:.7g} in size, a float32, got {value}.")


@cache
def _adapter(annotation: Any) -> TypeAdapter:
    try:
        return TypeAdapter(annotation, config=ConfigDict(strict=True, allow_inf_nan=False))
    except PydanticUserError:
        return TypeAdapter(Any)  # a type that no plain value can be held to


def _validate(adapter: TypeAdapter, value: Any, key: str) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        errors = error.errors()
        first = next((found for found in errors if found["type"] == "missing"), errors[0])  # others follow from it
        place = ".".join([*([key] if key else []), *(str(part) for part in first["loc"] if _shown(part))])
        if first["type"] == "extra_forbidden":
            *blocks, unknown = map(str, first["loc"])
            if place == "experiment":
                raise InputError(f"experiment: expected an experiment file whose first line is {HEADER}") from None
            raise InputError(f"{place}: there is no such key; {did_you_mean(unknown, _keys_of(blocks))}") from None
        if first["type"] == "missing":
            plus = "+" if place == "data" else ""  # which a model's file may lack, and the choices of a run do not have
            raise InputError(f"{place}: expected a value, got none; give {plus}{place}=…") from None
        expected = re.sub(r"^Input should be |^(List|String) should have | after validation.*$", "", first["msg"])
        if expected.startswith(("greater", "less")):
            expected = f"a value {expected}"
        hint = f"; type {place}=null for none" if value == "None" and _takes_none(adapter) else ""
        raise InputError(f"{place}: expected {expected}, got {first['input']!r}{hint}.") from None


def _takes_none(adapter: TypeAdapter) -> bool:
    try:
        adapter.validate_python(None)
    except ValidationError:
        return False
    return True


def _keys_of(blocks: list[str]) -> list[str]:
    """The keys of a block of the config, of the whole config where `blocks` are none."""
    block: Any = RootSettings
    for name in blocks:
        block = block.model_fields[name].annotation
    return list(block.model_fields)


def _shown(part: int | str) -> bool:
    """Whether a part of pydantic's location is the user's: its names of union branches are not."""
    return isinstance(part, int) or (part.isidentifier() and part not in ("int", "float", "str", "bool", "list"))
