"""Packages that only some commands and settings need, and the line that installs them."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from descentlab.errors import InputError

EXTRA_OF = {
    "hydra_joblib_launcher": "joblib",
    "matplotlib": "figures",
    "mlflow": "mlflow",
    "onnxscript": "onnx",
    "optuna": "optuna",
    "plotly": "report",
    "ray": "ray",
    "submitit": "slurm",
    "wandb": "wandb",
}
"""The extra of this project that brings a package, by the package's name in an import."""

_LOGGERS = {f"descentlab.runs.loggers.{name}": name for name in ("wandb", "mlflow")}


def is_missing(package: str) -> bool:
    """Whether a package is not installed."""
    return find_spec(package) is None


def installation_of(package: str) -> str:
    """The line that installs a package of `EXTRA_OF`."""
    return f"pip install 'descentlab[{EXTRA_OF[package]}]'"


def refusal(package: str, asked_by: str) -> InputError:
    """The error of what cannot be done without a package.

    Args:
        package: as it is imported.
        asked_by: what the user typed.
    """
    return InputError(f"{asked_by}: expected {package}, which is not installed; type {installation_of(package)}")


def need(package: str, asked_by: str) -> None:
    """Refuse what cannot be done without a package that is not installed.

    Args:
        package: as it is imported.
        asked_by: what the user typed.

    Raises:
        InputError: with the line that installs it.
    """
    if is_missing(package):
        raise refusal(package, asked_by)


def need_loggers(settings: Mapping[str, Any]) -> None:
    """Refuse settings of a run with a logger whose package is not installed.

    Raises:
        InputError: with the line that installs it.
    """
    for name, spec in settings["logger"].items():
        if isinstance(spec, Mapping) and (package := _LOGGERS.get(spec["_target_"])) is not None:
            need(package, f"logger.{name}")
