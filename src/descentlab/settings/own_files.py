"""What is wrong in a config file of the user's own, such as an experiment: its YAML, its defaults, its package."""

import re
import traceback
from collections.abc import Sequence

from hydra.errors import HydraException
from yaml import MarkedYAMLError, YAMLError

from descentlab.errors import did_you_mean

HEADER = "# @package _global_"
"""The first line of an experiment: its settings lie over the whole config, not below `experiment`."""


def fault(error: Exception, groups: Sequence[str]) -> str | None:
    """What is wrong in a file that Hydra has read, in one line; None where the error is of another kind.

    Args:
        error: of Hydra's, or of the YAML reader below it.
        groups: of the configs.
    """
    if isinstance(error, YAMLError):
        return _broken_yaml(error)
    text = str(error)
    is_unnamed = not (isinstance(error, HydraException) and text)
    if is_unnamed and (file := file_being_read(error)) is not None:
        return f"{file}.yaml: {_broken_file(error if text else error.__cause__ or error)}"
    if re.search(r"Could not override 'data'\. No match in the defaults list", text):
        return (
            "data: expected a model whose file names data that can be replaced, as in "
            "`defaults: [/data@_global_.data: kink]`; type +data=… where it names none."
        )
    if re.search(r"Interpolation key 'data\.num_features' not found", text):
        return (
            "data.num_features: expected data that say how many features they have, got none; type +data=…, "
            "or write `num_features: 1` into the file of the data."
        )
    if match := re.search(r"In '([^']+)': Could not override '([^'@]+)", text):
        file, group = match.groups()
        if group in groups:
            return f"{file}.yaml: expected the first line {HEADER}, without which `override /{group}` finds nothing."
        name = group.rpartition("/")[2]
        if name in groups:
            return f"{file}.yaml: expected a group with a slash before it; type `override /{name}: …`."
        return f"{file}.yaml: {name}: there is no such group; {did_you_mean(name, groups)}"
    if match := re.search(r"In '((\w+)/[^']+)': Could not find '\2/(\w+)/(\w+)'", text):
        file, _, group, choice = match.groups()
        return f"{file}.yaml: expected a group with a slash before it; type `override /{group}: {choice}`."
    if match := re.search(r"Multiple values for ([^. ]+)\. To override", text):
        return (
            f"{match[1]}: expected one choice, got several; on the command line type {match[1]}=… without a +, "
            f"in a file `override /{match[1]}: …`."
        )
    if match := re.search(r"In '([^']+)': \w+ raised while composing config:\n(.*)", text):
        return f"{match[1]}.yaml: expected settings of a run, key: value, but they do not fit in ({match[2]})."
    return None


def file_being_read(error: Exception) -> str | None:
    """Which config, as `group/choice`, Hydra was reading when it came upon an error of no class of its own."""
    found = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        name = _READERS.get(frame.f_globals.get("__name__", ""), "")
        found = frame.f_locals.get(name, found)
    return found


_READERS = {
    "hydra._internal.defaults_list": "path",
    "hydra._internal.config_repository": "config_path",
    "hydra._internal.core_plugins.file_config_source": "config_path",
}
"""Where Hydra 1.3 reads files, and the variable there that says which."""


def _broken_file(error: BaseException) -> str:
    """What is wrong in a file that Hydra was reading."""
    text = " ".join(str(error).split())
    if isinstance(error, RecursionError):
        return "defaults: expected other files, but it comes back to itself."
    if "defaults must be a list" in text:
        return f"defaults: expected a list, such as `{_DEFAULT}`."
    if "default" in text:
        return f"defaults: {text}; type a list, such as `{_DEFAULT}`."
    return f"expected settings of a run, key: value, but {text}."


_DEFAULT = "- /data@_global_.data: kink"


def _broken_yaml(error: YAMLError) -> str:
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{mark.name}, line {mark.line + 1}: expected YAML, but {error.problem}."
    return f"expected configs in YAML, but {' '.join(str(error).split())}."
