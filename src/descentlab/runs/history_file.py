"""`history.csv`: the recorded rows of a run as a table."""

import numpy as np
import orjson
import torch
from jaxtyping import Bool, Float

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
    columns = {"train/loss": (rows.losses * module.loss_scale).double().numpy()}
    if rows.mse is not None:
        columns["train/mse"] = rows.mse.double().numpy()
    steps = np.asarray(rows.steps)
    empty = np.full(len(steps), bool(validation))
    if validation and len(steps):
        # As float32, in which they were computed: their digits are the same, however they came here.
        values = torch.tensor(list(validation.values()), dtype=torch.float32).double().numpy()
        column = np.full(len(steps), np.nan)
        at = np.searchsorted(steps, list(validation)).clip(max=len(steps) - 1)
        found = steps[at] == list(validation)
        column[at[found]] = values[found]
        empty[at[found]] = False
        columns["val/loss"] = column
    if rows.parameters is not None:
        by_column = module.columns(rows.parameters).double().numpy().T
        columns |= dict(zip(column_names(module.net), by_column, strict=True))
    table = np.stack(list(columns.values()), axis=1)
    blank = empty[:, None] & (np.array(list(columns)) == "val/loss")
    header = ",".join(["step", *columns])
    return "\n".join([header, *map("%d,%s".__mod__, zip(rows.steps, _lines(table, blank), strict=True)), ""])


def _lines(table: Float[np.ndarray, "row column"], blank: Bool[np.ndarray, "row column"]) -> list[str]:
    """The numbers of each row with commas between them, but those of `blank`."""
    if not len(table):
        return []
    rounded, known = _nine_digits(table)
    text = orjson.dumps(rounded, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    for long, short in (".0,", ","), (".0]", "]"), ("null", ""):
        text = text.replace(long, short)
    lines = text[2:-2].split("],[")
    for row in np.nonzero(~(known | blank).all(axis=1))[0]:
        cells = zip(table[row], blank[row], strict=True)
        lines[row] = ",".join("" if is_blank else _NUMBER % value for value, is_blank in cells)
    return lines


def _nine_digits(
    table: Float[np.ndarray, "row column"],
) -> tuple[Float[np.ndarray, "row column"], Bool[np.ndarray, "row column"]]:
    """The doubles nearest to the numbers in nine digits, and where they are those: a power of ten above
    1e22 is no double, so what is very small or large, or not finite, is left as it is."""
    size = np.abs(table)
    known = ((size > 1e-13) & (size < 1e22)) | (table == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        exponent = np.where(known & (table != 0), np.floor(np.log10(size)), 0)
    scale = 10.0 ** np.abs(8 - exponent)
    rounded = np.where(exponent <= 8, np.rint(table * scale) / scale, np.rint(table / scale) * scale)
    return np.where(known, rounded, table), known
