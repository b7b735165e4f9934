"""`history.csv`: the recorded rows of a run as a table."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import orjson
import torch
from jaxtyping import Bool, Float
from torch import Tensor

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
    losses = {"train/loss": rows.losses * module.loss_scale}
    if rows.mse is not None:
        losses["train/mse"] = rows.mse
    header = ["step", *losses]
    fields: list[Sequence[str]] = [_texts_of(tuple(rows.steps)), _lines(torch.stack(list(losses.values()), dim=1))]
    if validation:
        header.append("val/loss")
        # As float32, in which they were computed: their digits are the same, however they came here.
        texts = _lines(torch.tensor(list(validation.values()), dtype=torch.float32)[:, None])
        known = dict(zip(validation, texts, strict=True))
        fields.append([known.get(step, "") for step in rows.steps])
    if rows.parameters is not None:
        header += column_names(module.net)
        fields.append(_lines(module.columns(rows.parameters)))
    return "\n".join([",".join(header), *map(",".join, zip(*fields, strict=True)), ""])


@lru_cache(maxsize=4)
def _texts_of(steps: tuple[int, ...]) -> list[str]:
    """The steps as text: the jobs of a sweep have them in common."""
    return list(map(str, steps))


def _lines(numbers: Float[Tensor, "row column"]) -> list[str]:
    """The numbers of each row with commas between them."""
    if not len(numbers):
        return []
    table = numbers.double().numpy()
    rounded, known = _nine_digits(table)
    text = orjson.dumps(rounded, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    if (rounded == np.rint(rounded)).any():
        text = text.replace(".0,", ",").replace(".0]", "]")
    lines = text[2:-2].split("],[")
    for row in np.flatnonzero(~known.all(axis=1)):
        lines[row] = ",".join(_NUMBER % value for value in table[row])
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
