"""Packages that only some settings need: looked for before anything is trained, and named where they are missing."""

import importlib.util
from collections.abc import Mapping
from typing import Any

from descentlab.errors import InputError

_EXTRAS = {"wandb": "wandb", "mlflow": "mlflow", "onnxscript": "onnx"}
"""The extra of pyproject.toml that installs a package."""

_LOGGERS = {f"descentlab.runs.loggers.{name}": name for name in ("wandb", "mlflow")}


def require(package: str) -> None:
    """Refuse to go on without a package.

    Raises:
        InputError: it is not installed; the message has the line that installs it.
    """
    if importlib.util.find_spec(package) is None:
        raise InputError(
            f"{package}: expected the package to be installed, but it is not; "
            f"type pip install 'descentlab[{_EXTRAS[package]}]'"
        )


def require_for(settings: Mapping[str, Any]) -> None:
    """Refuse settings of a run that name a logger whose package is not installed.

    Raises:
        InputError: as `require`.
    """
    for spec in settings["logger"].values():
        if isinstance(spec, Mapping) and (package := _LOGGERS.get(spec["_target_"])) is not None:
            require(package)
