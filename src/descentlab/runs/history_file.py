"""`history.csv`: the recorded rows of a run as a table."""

from typing import Any

import torch

from descentlab.callbacks.history import Rows
from descentlab.modules.coefficients import column_names
from descentlab.modules.regression import RegressionModule

_NUMBER = "%.9g"
"""Nine digits give a float32 back exactly; fewer would do for that, but the shortest of them, read as a
float64 and rounded again, can end in another last digit than the float32 itself."""


def history_text(module: RegressionModule, rows: Rows, validation: dict[int, float]) -> str:
    """The history as a CSV with a header line: `step`, `train/loss`, `train/mse` where the loss is another,
    `val/loss` where it was computed, and a column a parameter for a model with few.

    Args:
        module: in whose units and names the numbers are given.
        rows: what was recorded.
        validation: `val/loss` by step; rows without one are empty.
    """
    columns: dict[str, tuple[str, list[Any]]] = {
        "step": ("%d", rows.steps),
        "train/loss": (_NUMBER, (rows.losses * module.loss_scale).tolist()),
    }
    if rows.mse is not None:
        columns["train/mse"] = (_NUMBER, rows.mse.tolist())
    if validation:
        # As float32, in which they were computed: their digits are the same, however they came here.
        values = torch.tensor(list(validation.values()), dtype=torch.float32).tolist()
        known = {step: _NUMBER % value for step, value in zip(validation, values, strict=True)}
        columns["val/loss"] = ("%s", [known.get(step, "") for step in rows.steps])
    if rows.parameters is not None:
        by_column = module.columns(rows.parameters).T.tolist()
        columns |= {name: (_NUMBER, by_column[k]) for k, name in enumerate(column_names(module.net))}
    row_format = ",".join(form for form, _ in columns.values()) + "\n"
    lines = map(row_format.__mod__, zip(*(column for _, column in columns.values()), strict=True))
    return ",".join(columns) + "\n" + "".join(lines)
