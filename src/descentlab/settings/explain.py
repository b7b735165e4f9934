"""Hydra's and OmegaConf's errors in one message: the culprit, the nearest names, the valid ones."""

import re
from collections.abc import Sequence

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from descentlab.errors import InputError, did_you_mean
from descentlab.extras import refusal
from descentlab.settings.config_folders import choices_of, groups
from descentlab.settings.own_files import fault, file_being_read

_COMPOSING = (HydraException, OmegaConfBaseException, YAMLError)

_BROUGHT = {"hydra/launcher=joblib": "hydra_joblib_launcher"}
"""Choices that a package beside this one brings."""


def is_of_config(error: Exception) -> bool:
    """True if an error says that overrides and files make no config."""
    return isinstance(error, _COMPOSING) or file_being_read(error) is not None


def explain(error: Exception) -> InputError:
    """What went wrong in composing a config, as the message that a user reads; `error` is its cause."""
    explained = _explained(error)
    explained.__cause__ = error
    return explained


def _explained(error: Exception) -> InputError:
    text = str(error)
    if isinstance(error, OverrideParseException):
        reason = "\n".join(line for line in text.splitlines() if not line.startswith(("Error parsing", "See ")))
        return InputError(f"{error.override}: expected key=value, but it cannot be read ({_first_line(reason)}).")
    if isinstance(error, MissingConfigException) and _missing_name(error).startswith("hydra/"):
        return _missing_choice(error)
    if (found := fault(error, groups())) is not None:
        return InputError(found)
    if isinstance(error, MissingConfigException):
        return _missing_choice(error)
    if match := re.search(r"Could not delete '([^'=]+)[^']*'\. No match in the defaults list", text):
        valid = did_you_mean("", choices_of(match[1]))
        return InputError(f"~{match[1]}: expected a group that can be left out; type {match[1]}=… instead. {valid}")
    if match := re.search(r"Ambiguous value for argument '([^']+)'", text):
        return InputError(
            f"{match[1]}: expected one value, got several; for a sweep over them add -m, for a list type key=[…,…]."
        )
    if match := re.search(r"Could not override '([^']+)'", text):
        return _unknown_key(match[1], error)
    typed = re.match(r"Error merging override (.*)", text)
    if typed and isinstance(error.__cause__, OmegaConfBaseException):
        return _ill_typed(typed[1], error.__cause__)
    for pattern, message in _EXPLAINED.items():
        if match := re.search(pattern, text):
            return InputError(message.format(*match.groups()))
    if isinstance(error, OmegaConfBaseException) and error.full_key:
        return InputError(f"{error.full_key}: expected a value, but {_first_line(text)}.")
    return InputError(f"expected overrides key=value and group=choice, but {_first_line(text)}")


_EXPLAINED = {
    r"Sweep parameters '(.+)' requires --multirun": "{0}: expected one value, got a sweep over several; add -m.",
    r"Could not delete from config\. '([^']+)' does not exist": "~{0}: there is no such key to be taken away.",
    r"Could not append to config\. An item is already at '([^']+)'": (
        "+{0}: expected a key that is not there yet; type {0}=… to change it."
    ),
}
"""Errors of Hydra's that have no class of their own: what they say, and what is said instead."""


_TAKE_SEVERAL = ("callbacks", "logger")
"""Groups that take several choices at once: logger=[csv,wandb]."""
_OF_HYDRA = ("hydra/launcher", "hydra/sweeper")
"""Groups of which choices are brought by this package, and not by the folder of the configs."""


def refuse_unnamed_choices(overrides: Sequence[str]) -> None:
    """Refuse a choice that is no name, such as `model=null`: Hydra's own error names neither.

    Raises:
        InputError: naming the group and what came.
    """
    for override in overrides:
        key, equals, choice = override.partition("=")
        if equals and not key:
            raise InputError(f"{override}: expected key=value, got no key.")
        if key in _TAKE_SEVERAL and re.fullmatch(r"\[[^\[\]{}]+\]", choice):
            continue
        is_group = key in groups() or key in _OF_HYDRA
        if equals and is_group and re.fullmatch(r"null|true|false|[-+.\d]*|[\[{].*", choice, re.IGNORECASE):
            valid = _choices_of_hydras(key) if key in _OF_HYDRA else choices_of(key)
            raise InputError(
                f"{override}: expected the name of a choice, got {choice or 'nothing'}; {did_you_mean(choice, valid)}"
            )


def _missing_name(error: MissingConfigException) -> str:
    """The config that is not there, as `group/choice`."""
    named = re.search(r"Could not load '([^']+)'", str(error))  # one of several choices
    return error.missing_cfg_file or (named[1] if named else "")


def _missing_choice(error: MissingConfigException) -> InputError:
    group, _, choice = _missing_name(error).rpartition("/")
    if (package := _BROUGHT.get(f"{group}={choice}")) is not None:
        return refusal(package, f"{group}={choice}")
    options = error.options or (choices_of(group) if group in groups() else _choices_of_hydras(group))
    if options:
        return InputError(f"{group}={choice}: there is no such choice; {did_you_mean(choice, options)}")
    return InputError(_first_line(str(error)))


def _choices_of_hydras(group: str) -> list[str]:
    """The choices of a group that Hydra and its plugins bring, such as `hydra/launcher`."""
    if not group.startswith("hydra/"):
        return []
    Plugins.instance()  # brings theirs into the store
    return [name.removesuffix(".yaml") for name in ConfigStore.instance().list(group)]


_TYPES = {"Integer": "a whole number", "Float": "a number", "bool": "true or false"}
"""What OmegaConf calls types, and what a user reads."""


def _ill_typed(override: str, error: OmegaConfBaseException) -> InputError:
    """A value of another type than Hydra, a launcher or a sweeper gives its key."""
    key, _, typed = override.partition("=")
    text = _first_line(str(error))
    key = str(error.full_key or key.lstrip("+"))
    if match := re.search(r"Invalid value '(.*)', expected one of \[(.*)\]", text):
        hint = did_you_mean(match[1], match[2].split(", ")).rpartition("Valid:")[0].strip()
        return InputError(f"{key}: expected one of {match[2]}, got {match[1]!r}{f'; {hint}' if hint else '.'}")
    if match := re.search(r"could not be converted to (\w+)|is not a valid (bool)", text):
        return InputError(f"{key}: expected {_TYPES.get(match[1] or match[2], match[1])}, got {typed!r}.")
    return InputError(f"{key}: expected another value, got {typed!r} ({text}).")


def _unknown_key(key: str, error: Exception) -> InputError:
    text = str(error)
    if "No match in the defaults list" in text:
        return InputError(f"{key}: there is no such group; {did_you_mean(key, groups())}")
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OmegaConfBaseException):
        cause = cause.__cause__ or cause.__context__
    node = getattr(cause, "parent_node", None)
    names = [str(name) for name in node] if node is not None and hasattr(node, "keys") else []
    last = key.rpartition(".")[2]
    full = str(getattr(cause, "full_key", None) or key)
    if names:
        unknown = full.rpartition(".")[2] if full in key or key in full else last
        return InputError(f"{full}: there is no such key; {did_you_mean(unknown, [n for n in names if n != 'hydra'])}")
    reason = _first_line(str(cause)) if cause is not None else _first_line(text)
    return InputError(f"{key}: there is no such key ({reason}).")


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), text)
