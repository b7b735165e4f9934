"""Hydra's and OmegaConf's errors in one message: the culprit, the nearest names, the valid ones."""

import re
from collections.abc import Sequence

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
        if equals and key in groups() and re.fullmatch(r"null|true|false|[-+.\d]*|[\[{].*", choice, re.IGNORECASE):
            raise InputError(
                f"{override}: expected the name of a choice, got {choice or 'nothing'}; "
                f"{did_you_mean(choice, choices_of(key))}"
            )


def _missing_choice(error: MissingConfigException) -> InputError:
    missing = error.missing_cfg_file or ""
    named = re.search(r"Could not load '([^']+)'", str(error))
    if not missing and named:  # one of several choices
        missing = named[1]
    group, _, choice = missing.rpartition("/")
    if (package := _BROUGHT.get(f"{group}={choice}")) is not None:
        return refusal(package, f"{group}={choice}")
    options = error.options or (choices_of(group) if group in groups() else [])
    if options:
        return InputError(f"{group}={choice}: there is no such choice; {did_you_mean(choice, options)}")
    return InputError(_first_line(str(error)))


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
