"""One run from Python: the same as `scripts/train.py`, and what it left, at hand."""

import csv
import datetime
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from descentlab.data.points import PointsDataModule
from descentlab.errors import InputError
from descentlab.modules.regression import RegressionModule
from descentlab.runs.folders import make_exclusively
from descentlab.runs.judge import predictions
from descentlab.runs.load import load_data, load_module
from descentlab.runs.result import Result
from descentlab.runs.train import train
from descentlab.settings.check import check
from descentlab.settings.compose import compose


@dataclass(frozen=True)
class Fitted:
    """A run that has ended.

    Attributes:
        settings: what was trained, as plain values.
        result: status, steps, metrics and coefficients.
    """

    settings: dict[str, Any] = field(repr=False)
    result: Result

    @property
    def folder(self) -> Path:
        """Of the run: `config.yaml`, `history.csv`, `result.json`, `checkpoints/` and what the loggers wrote."""
        return self.result.folder

    @cached_property
    def module(self) -> RegressionModule:
        """The trained module, with its last parameters."""
        return load_module(self.folder)

    @cached_property
    def data(self) -> PointsDataModule:
        """The points: `data.train`, `data.val` and `data.test` are pairs (x, y)."""
        return load_data(self.folder)

    @cached_property
    def history(self) -> dict[str, list[float]]:
        """The columns of `history.csv` by name: row k before update k + 1, NaN where a column has no value."""
        with open(self.folder / "history.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return {name: [float(row[name] or "nan") for row in rows] for name in rows[0]}

    def predict(self, x: Any) -> Float[Tensor, "sample target"]:
        """The predictions for inputs in the user's units, in the user's units.

        Args:
            x: (sample, feature), or (sample,) of one feature: a tensor, an array, or lists of numbers.

        Raises:
            InputError: x has another shape.
        """
        rows = torch.as_tensor(x, dtype=torch.get_default_dtype())
        if rows.ndim not in (1, 2):
            raise InputError(f"x: expected samples, or rows of features, got the shape {list(rows.shape)}.")
        return predictions(self.module, rows[:, None] if rows.ndim == 1 else rows)


def fit(*config: str | Mapping[str, Any], folder: str | Path | None = None) -> Fitted:
    """Train one run, and leave a run folder as `scripts/train.py` does.

    The run takes one thread, and its signals: Ctrl-C ends it at the next look, with a result.

    Args:
        config: overrides as they are typed after `scripts/train.py`, e.g. `"model=linear", "optimizer.lr=0.05"`;
            or the whole settings of a run as one mapping, e.g. `Fitted.settings` with something changed.
        folder: of the run, which is made; None is `outputs/runs/<name>/<time>-<id>` in the current folder.

    Raises:
        InputError: the config cannot be used, with what to type instead, or the folder exists.
    """
    settings = _settings(config)
    if folder is None:
        time = datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        folder = Path("outputs") / "runs" / settings["name"] / f"{time}-{secrets.token_hex(4)}"
    make_exclusively(Path(folder), "folder")
    try:
        return Fitted(settings, train(settings, Path(folder)))
    except InputError:
        shutil.rmtree(folder)  # nothing was trained
        raise


def _settings(config: tuple[str | Mapping[str, Any], ...]) -> dict[str, Any]:
    overrides = [each for each in config if isinstance(each, str)]
    if len(overrides) == len(config):
        return compose(overrides)
    if len(config) > 1 or not isinstance(config[0], Mapping):
        came = ", ".join(type(each).__name__ for each in config)
        raise InputError(
            f"fit: expected overrides, or the settings of a run as one mapping, got {came}; "
            'type fit("model=linear", "optimizer.lr=0.05"), or fit(*overrides).'
        )
    return check(config[0])
