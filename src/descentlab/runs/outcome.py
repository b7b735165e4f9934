"""What a trained module comes to: its result, and the files that say so."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from descentlab.callbacks.history import Rows
from descentlab.data.points import PointsDataModule
from descentlab.modules.coefficients import MOST_COLUMNS, num_parameters
from descentlab.modules.regression import RegressionModule
from descentlab.nets.linear_in_parameters import LinearInParameters
from descentlab.nets.polynomial import Polynomial
from descentlab.runs.files import config_text
from descentlab.runs.history_file import history_text
from descentlab.runs.result import Result, Status


def outcome_of(
    module: RegressionModule,
    data: PointsDataModule,
    *,
    status: Status,
    num_steps: int,
    seconds: dict[str, float],
    engine: str,
    folder: Path,
    interrupted_by: str | None = None,
) -> Result:
    """The result of a module as it is after `num_steps` updates, judged on its data."""
    return Result(
        status=status,
        num_steps=num_steps,
        metrics=final_metrics(module, data),
        coefficients=module.coefficients() if num_parameters(module.net) <= MOST_COLUMNS else {},
        true_coefficients=true_coefficients(module, data),
        seconds=seconds,
        engine=engine,
        folder=folder,
        interrupted_by=interrupted_by,
    )


def files_of(
    result_text: str,
    settings: Mapping[str, Any],
    module: RegressionModule,
    rows: Rows,
    validation: dict[int, float],
) -> dict[str, str]:
    """The texts of `config.yaml`, `history.csv` and `result.json`, by their names; the result comes last,
    so that a folder with a result is whole."""
    return {
        "config.yaml": config_text(settings),
        "history.csv": history_text(module, rows, validation),
        "result.json": result_text,
    }


def final_metrics(module: RegressionModule, data: PointsDataModule) -> dict[str, float]:
    """`train/loss`, `train/mse`, `val/loss` and `val/mse` over all points of each set, at the parameters
    as they are and in the user's units."""
    module.eval()
    with torch.no_grad():
        return {
            f"{stage}/{name}": float(value)
            for stage, points in data.stages().items()
            if stage != "test"
            for name, value in module.metrics(*(tensor.to(module.device) for tensor in points)).items()
        }


def true_coefficients(module: RegressionModule, data: PointsDataModule) -> dict[str, float]:
    """The law's coefficients by the model's names; empty where the model lacks a column of the law.

    Powers beyond those of the law have the coefficient 0.
    """
    known = data.truth.coefficients if data.truth is not None else None
    if known is None or not isinstance(module.net, LinearInParameters):
        return {}
    by_name = {f"w{k}": value for k, value in enumerate(known)}
    names = module.net.coefficient_names()
    if isinstance(module.net, Polynomial):
        by_name = dict.fromkeys(names, 0.0) | by_name
    needed = {name for name, value in by_name.items() if value != 0}
    return {name: by_name[name] for name in names} if needed <= set(names) <= set(by_name) else {}
