"""`history.csv`: the recorded rows of a run as a table."""

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from descentlab.callbacks.history import Rows
from descentlab.data.points import Points
from descentlab.functional import losses
from descentlab.modules.coefficients import column_names, unflatten
from descentlab.modules.regression import RegressionModule


def history_columns(
    module: RegressionModule, train: Points, rows: Rows, validation: dict[int, float]
) -> dict[str, list[str]]:
    """The columns of a history as text, each number in nine digits.

    Nine digits give a float32 back exactly; fewer would do for that, but the shortest of them, read as
    a float64 and rounded again, can end in another last digit than the float32 itself.

    Args:
        module: in whose units and names the numbers are given.
        train: the training points, for `train/mse` where the loss is another.
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
    if (mse := _mse(module, train, rows)) is not None:
        columns["train/mse"] = _text(mse)
    if validation:
        known = {step: _text(torch.tensor([loss]))[0] for step, loss in validation.items()}
        columns["val/loss"] = [known.get(step, "") for step in rows.steps]
    if rows.parameters is not None:
        values = module.columns(rows.parameters)
        columns |= {name: _text(values[:, k]) for k, name in enumerate(column_names(module.net))}
    return columns


def history_text(columns: dict[str, list[str]]) -> str:
    """Columns of text as a CSV with a header line."""
    lines = [",".join(columns), *map(",".join, zip(*columns.values(), strict=True))]
    return "\n".join(lines) + "\n"


def _mse(module: RegressionModule, train: Points, rows: Rows) -> Tensor | None:
    """The mean squared error at each row's parameters, on all training points."""
    if module.loss is losses.mse or rows.parameters is None:
        return None
    scale = 1.0 if module.standardization is None else module.standardization.y_std**2
    with torch.no_grad():

        def error(parameters: dict[str, Tensor]) -> Tensor:
            return losses.mse(functional_call(module.net, parameters, (train.x,)), train.y)

        return vmap(error, chunk_size=256)(dict(unflatten(module.net, rows.parameters))) * scale


def _text(values: Tensor) -> list[str]:
    return [f"{value:.9g}" for value in values.tolist()]
