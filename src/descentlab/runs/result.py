"""What a run ends with: its status, its last metrics and coefficients, and how it was made."""

import json
import math
import os
import platform
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import torch

import descentlab
from descentlab.runs.files import strict_json

Status = Literal["completed", "pruned", "diverged", "interrupted", "failed"]
_LIBRARIES = ("torch", "lightning", "hydra-core", "omegaconf", "tensorboard")


@dataclass(frozen=True)
class Result:
    """The end of a run.

    Attributes:
        status: `completed`, or why the run ended before its last step; `pruned` where a search stopped it.
        num_steps: gradient updates made and kept.
        metrics: of the last parameters, over all points of each set: `train/loss`, `val/loss`, …
        coefficients: the last parameters by name, for a model with few; else empty.
        true_coefficients: those of the law, where it is known to be of the model's form; else empty.
        seconds: `setup` (from settings to the first step) and `training`.
        engine: what made the steps.
        folder: of the run.
        interrupted_by: the name of the signal that stopped the run, such as SIGTERM; None if none did.
    """

    status: Status
    num_steps: int
    metrics: dict[str, float]
    coefficients: dict[str, float]
    true_coefficients: dict[str, float]
    seconds: dict[str, float]
    engine: str
    folder: Path
    interrupted_by: str | None = None

    def to_json(self) -> str:
        """The text of `result.json`."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "folder"}
        return strict_json(
            {**values, "threads": torch.get_num_threads(), "machine": _machine(), "versions": _versions()}
        )


@cache
def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"


@cache
def _versions() -> dict[str, str]:
    ours = {"python": platform.python_version(), descentlab.__name__: descentlab.__version__}
    return ours | {library: version(library) for library in _LIBRARIES}


def read_result(folder: Path) -> Result | None:
    """The result in a run's folder; None where there is none, or none that can be read."""
    try:
        return result_from((folder / "result.json").read_text(encoding="utf-8"), folder)
    except (OSError, ValueError):
        return None


def result_from(text: str, folder: Path) -> Result:
    """The result that `to_json` wrote.

    Raises:
        ValueError: the text is that of no result.
    """
    try:
        values = json.loads(text)
        metrics = {name: math.nan if value is None else value for name, value in values["metrics"].items()}
        coefficients = {name: math.nan if value is None else value for name, value in values["coefficients"].items()}
        names = ("status", "num_steps", "true_coefficients", "seconds", "engine")
        rest = {name: values[name] for name in names} | {"interrupted_by": values.get("interrupted_by")}
        return Result(metrics=metrics, coefficients=coefficients, folder=folder, **rest)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no result: {error!r}") from error


def made_with(text: str) -> dict[str, str]:
    """The versions, the engine, the threads and the machine that a `result.json` names; nothing of another text."""
    try:
        values = json.loads(text)
        versions = {str(name): str(version) for name, version in values["versions"].items()}
        return versions | {name: str(values[name]) for name in ("engine", "threads", "machine") if name in values}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
