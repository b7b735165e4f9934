"""`history.csv`: the recorded rows of a run as a table."""

import torch
from torch import Tensor

from descentlab.callbacks.history import Rows
from descentlab.modules.coefficients import column_names
from descentlab.modules.regression import RegressionModule


def history_columns(module: RegressionModule, rows: Rows, validation: dict[int, float]) -> dict[str, list[str]]:
    """The columns of a history as text, each number in nine digits.

    Nine digits give a float32 back exactly; fewer would do for that, but the shortest of them, read as
    a float64 and rounded again, can end in another last digit than the float32 itself.

    Args:
        module: in whose units and names the numbers are given.
        rows: what was recorded.
        validation: `val/loss` by step; rows without one are empty.

    Returns:
        `step`, `train/loss`, `train/mse` where the loss is another, `val/loss` where it was computed,
        and a column a parameter for a model with few.
    """
    columns = {
        "step": [str(step) for step in rows.steps],
        "train/loss": _text(rows.losses * module.loss_scale),
    }
    if rows.mse is not None:
        columns["train/mse"] = _text(rows.mse)
    if validation:
        known = dict(zip(validation, _text(torch.tensor(list(validation.values()))), strict=True))
        columns["val/loss"] = [known.get(step, "") for step in rows.steps]
    if rows.parameters is not None:
        values = module.columns(rows.parameters)
        columns |= {name: _text(values[:, k]) for k, name in enumerate(column_names(module.net))}
    return columns


def history_text(columns: dict[str, list[str]]) -> str:
    """Columns of text as a CSV with a header line."""
    lines = [",".join(columns), *map(",".join, zip(*columns.values(), strict=True))]
    return "\n".join(lines) + "\n"


def _text(values: Tensor) -> list[str]:
    return [f"{value:.9g}" for value in values.tolist()]
