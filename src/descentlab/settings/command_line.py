"""`key=value` arguments of the commands that take a run folder."""

from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf

from descentlab.errors import InputError, did_you_mean
from descentlab.settings.check import check_value
from descentlab.settings.trust import trust_typed


def read_arguments(arguments: Sequence[str], schema: Mapping[str, Any], required: Sequence[str] = ()) -> dict[str, Any]:
    """The values of `key=value` arguments, read as YAML and checked; `trusted_packages=[…]` is always taken.

    Args:
        arguments: as typed, e.g. `["run=outputs/runs/a/b", "x=[0.1,0.5]"]`.
        schema: the type of each key.
        required: keys that must be given.

    Raises:
        InputError: an argument cannot be read, is unknown, missing, or of another type.
    """
    values: dict[str, Any] = {}
    for argument in trust_typed(arguments):
        key, equals, text = argument.partition("=")
        if not equals:
            raise InputError(f"{argument}: expected key=value; {did_you_mean(key, schema)}")
        if key not in schema:
            raise InputError(f"{key}: there is no such argument; {did_you_mean(key, schema)}")
        try:
            value = text if schema[key] is str else OmegaConf.to_container(OmegaConf.from_dotlist([argument]))[key]  # type: ignore[call-overload,index]  # a dotlist is a mapping
        except Exception as error:
            raise InputError(f"{argument}: expected a value, but {text!r} cannot be read.") from error
        values[key] = check_value(value, schema[key], key)
    for key in (*required, *values):
        if values.get(key) in (None, ""):
            raise InputError(f"{key}: expected a value, got none; type {key}=…")
    return values
