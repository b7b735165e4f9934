"""What pictures are drawn from: a model, its points, and the way that its parameters went."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import functional_call, vmap

from descentlab.data.points import Points, PointsDataModule
from descentlab.functional.least_squares import least_squares
from descentlab.modules.coefficients import column_names, unflatten
from descentlab.modules.regression import RegressionModule
from descentlab.nets.linear_in_parameters import LinearInParameters
from descentlab.reports.retrace import CannotRetrace, Trajectory, retrace, spread_steps
from descentlab.runs.assemble import assemble
from descentlab.runs.load import load_data, load_module, settings_of_table
from descentlab.runs.result import Result, read_result


class CannotDraw(Exception):  # noqa: N818  not an error: the picture is left out, and this is why
    """Why a picture is left out, in one line."""


@dataclass(frozen=True)
class LowestError:
    """An error that the training cannot or is not expected to go below.

    Attributes:
        value: in the unit of the loss, summed or averaged as it is.
        name: what it is.
    """

    value: float
    name: str


@dataclass(frozen=True, eq=False)
class Subject:
    """A run that has ended, or a model that was never trained.

    Attributes:
        module: with the parameters that are to be shown.
        data: its points.
        settings: of the run.
        history: the columns of `history.csv`, NaN where a row has no value; empty without training.
        result: how the run ended; None without training.
        patience: seconds of training that a picture may repeat.
    """

    module: RegressionModule
    data: PointsDataModule
    settings: Mapping[str, Any]
    history: Mapping[str, "np.ndarray[Any, np.dtype[np.float64]]"]
    result: Result | None
    patience: float = math.inf

    @classmethod
    def of_run(cls, folder: Path, patience: float = math.inf) -> "Subject":
        """The run in a folder.

        Raises:
            InputError: the folder is no run's, or its checkpoint cannot be read.
        """
        module, data = load_module(folder), load_data(folder)
        settings = module.config or {}
        settings = {**settings, "data": settings_of_table(settings["data"], folder)}
        return cls(module, data, settings, _read_history(folder / "history.csv"), read_result(folder), patience)

    @classmethod
    def of_settings(cls, settings: Mapping[str, Any]) -> "Subject":
        """The model as the settings start it, untrained."""
        data, module = assemble(settings)
        return cls(module.eval(), data, settings, {}, None)

    @property
    def num_features(self) -> int:
        """Inputs of a sample."""
        return int(self.data.stages()["train"].x.shape[1])

    @property
    def feature_names(self) -> list[str]:
        """The columns of a table by their names; else x, or x1, x2, …"""
        given = self.settings["data"].get("features")
        return (
            list(given)
            if given
            else ["x"]
            if self.num_features == 1
            else [f"x{k + 1}" for k in range(self.num_features)]
        )

    @property
    def target_name(self) -> str:
        """The target's column of a table; else y."""
        return self.settings["data"].get("target") or "y"

    @property
    def loss_name(self) -> str:
        """`mse`, `sse`, …"""
        return str(self.settings["loss"]["_target_"]).rpartition(".")[2]

    @property
    def fit_name(self) -> str:
        """What the model's curve is called: a fit only after training."""
        return "fit" if self.result is not None and self.result.num_steps else "given"

    def points(self, stage: str) -> Points:
        """The points of a stage in the user's units."""
        x, y = self.data.stages()[stage]
        units = self.data.standardization
        return Points(x, y) if units is None else Points(units.restore_x(x), units.restore_y(y))

    def grid(self, num_points: int = 1000) -> Float[Tensor, "point 1"]:
        """Evenly spaced inputs over all points of a model of one feature, a little wider than they lie.

        Raises:
            CannotDraw: there are several features.
        """
        if self.num_features != 1:
            raise CannotDraw(f"the model has {self.num_features} features, and a curve is drawn over one")
        x = torch.cat([self.points(stage).x for stage in ("train", "val") if stage in self.data.stages()])
        low, high = float(x.min()), float(x.max())
        margin = 0.05 * (high - low) or 1.0
        return torch.linspace(low - margin, high + margin, num_points)[:, None]

    @cached_property
    def trajectory(self) -> Trajectory:
        """The parameters at the recorded steps; a model too large to be recorded is trained again.

        Raises:
            CannotDraw: there was no training, or it cannot be repeated.
        """
        names = column_names(self.module.net)
        if self.history and set(names) <= set(self.history):
            columns = torch.from_numpy(np.stack([self.history[name] for name in names], axis=1))
            return Trajectory(self.history["step"].astype(int).tolist(), columns)
        return self._retrace(spread_steps(self._num_steps(), most=60))

    def columns_at(self, steps: list[int]) -> Float[Tensor, "row column"]:
        """The parameters at some steps, recorded or trained again.

        Raises:
            CannotDraw: as `trajectory`.
        """
        recorded = self.history and set(column_names(self.module.net)) <= set(self.history)
        if recorded and set(steps) <= set(self.trajectory.steps):
            return self.trajectory.columns[[self.trajectory.steps.index(step) for step in steps]]
        self._num_steps()
        return self._retrace([*steps]).columns

    def predictions(
        self, columns: Float[Tensor, "row column"], x: Float[Tensor, "sample feature"]
    ) -> Float[Tensor, "row sample"]:
        """The model's predictions at each row of parameters, in the user's units.

        Args:
            columns: as `trajectory` holds them, in the user's units where the model is linear in them.
            x: in the user's units.
        """
        net, units = self.module.net, self.module.standardization
        if isinstance(net, LinearInParameters):
            return columns.double() @ net.design_matrix(x.double()).T
        inputs = x if units is None else units.standardize_x(x)
        dtype = next(net.parameters()).dtype

        def prediction(named: dict[str, Tensor]) -> Tensor:
            output: Tensor = functional_call(net, named, (inputs,))
            return output[:, 0]

        with torch.no_grad():
            rows: Tensor = vmap(prediction, chunk_size=64, randomness="different")(
                dict(unflatten(net, columns.to(dtype)))
            )
        return (rows if units is None else units.restore_y(rows[..., None])[..., 0]).double()

    def losses(self, columns: Float[Tensor, "row column"]) -> Float[Tensor, " row"]:
        """The training loss over all training points at each row of parameters, in the user's units."""
        rows = self.predictions(columns, self.points("train").x)
        units = self.module.standardization
        target = self.data.stages()["train"].y.double()

        def loss(row: Tensor) -> Tensor:
            prediction = row[:, None] if units is None else units.standardize_y(row[:, None])
            value: Tensor = self.module.loss(prediction, target)
            return value

        losses: Tensor = vmap(loss)(rows)
        return losses * self.module.loss_scale

    @cached_property
    def optimum(self) -> Float[Tensor, " column"] | None:
        """The least squares coefficients of a model linear in them, trained on mse or sse; else None."""
        net = self.module.net
        if not isinstance(net, LinearInParameters) or self.loss_name not in ("mse", "sse"):
            return None
        x, y = self.points("train")
        return least_squares(net.design_matrix(x.double()), y.double()).coefficients

    @cached_property
    def lowest_error(self) -> LowestError | None:
        """The least squares optimum where there is one, else what the noise alone leaves; else None."""
        if self.optimum is not None:
            return LowestError(float(self.losses(self.optimum[None])[0]), "least squares optimum")
        if self.data.truth is None or self.loss_name not in ("mse", "sse"):
            return None
        count = self.data.num_samples if self.loss_name == "sse" else 1
        return LowestError(count * self.data.truth.lowest_mse, "noise floor (error of the true law)")

    def _num_steps(self) -> int:
        if self.result is None or not self.result.num_steps:
            raise CannotDraw("no step was made")
        return self.result.num_steps

    def _retrace(self, steps: list[int]) -> Trajectory:
        assert self.result is not None
        if (seconds := self.result.seconds["training"]) > self.patience:
            raise CannotDraw(f"its parameters are not recorded, and to train it again would take {seconds:.0f} s")
        try:
            return retrace(self.settings, steps, self.module, self.result.num_steps)
        except CannotRetrace as error:
            raise CannotDraw(f"its parameters are not recorded, and {error}") from error


def _read_history(path: Path) -> dict[str, "np.ndarray[Any, np.dtype[np.float64]]"]:
    if not path.is_file():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    values = np.array([[float(cell or "nan") for cell in row] for row in rows]).reshape(len(rows), len(header))
    return {name: values[:, k] for k, name in enumerate(header)}
