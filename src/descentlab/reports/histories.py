"""The recorded losses and parameters of many jobs, thinned to what a picture can show.

Whoever wants the histories of a sweep asks `read_histories`; it alone knows how they lie on the disk.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64
from numpy import ndarray

from descentlab.reports.recorded_stacks import recorded_stacks

_NOT_PARAMETERS = ("step", "train/loss", "train/mse", "val/loss")


@dataclass(frozen=True)
class Histories:
    """Losses and parameters of jobs over their training, on steps that all share.

    Attributes:
        steps: gradient updates made, ascending, from 0.
        losses: `train/loss` in the users' units. Behind the end of a job that diverged it is infinite, behind
            the end of one that had fewer steps, and of one without a history, nan.
        parameters: likewise; nan behind the end. Without entries where the jobs have none, or others.
        names: of the parameters, as in the header of `history.csv`.
        num_recorded: steps that were recorded of the longest training, from which these are.
    """

    steps: Int64[ndarray, " row"]
    losses: Float32[ndarray, "member row"]
    parameters: Float32[ndarray, "member row parameter"]
    names: list[str]
    num_recorded: int


def read_histories(folders: Sequence[Path], statuses: Sequence[str], num_rows: int = 128) -> Histories:
    """The histories of jobs, at up to `num_rows` of the recorded steps: half of them evenly spread, half of
    them evenly on a logarithmic scale, each with the step behind it.

    A job of a stack is read from the stack's record, any other from the `history.csv` of its folder.

    Args:
        folders: of the jobs; one that has neither counts as a job without a history.
        statuses: of the jobs; those that `diverged` stay at an infinite loss.
        num_rows: most rows kept.

    Raises:
        InputError: a record cannot be read.
    """
    stacks = list(recorded_stacks(folders))
    inside = {member for stack in stacks for member in stack.members.values()}
    texts = {k: lines for k, folder in enumerate(folders) if k not in inside and (lines := _lines(folder))}
    recorded = [*(stack.steps() for stack in stacks), *(map(_steps, sorted(texts.values(), key=len)[-1:]))]
    longest = max(recorded, key=lambda steps: steps[-1], default=[])
    steps = np.array([longest[row] for row in _spread(len(longest), num_rows)], dtype=np.int64)

    headers = {*(tuple(stack.names()) for stack in stacks), *(tuple(_names(lines)) for lines in texts.values())}
    names = list(headers.pop()) if len(headers) == 1 else []
    values = np.full((len(folders), len(steps), 1 + len(names)), np.nan, dtype=np.float32)
    for stack in stacks:
        values[list(stack.members.values())] = stack.at(steps)[..., : 1 + len(names)]
    for member, lines in texts.items():
        own = _rows(lines, steps, ["train/loss", *names])
        values[member, : len(own)] = own
    losses = values[:, :, 0]
    losses[np.isnan(losses) & (np.array(statuses) == "diverged")[:, None]] = np.inf
    return Histories(steps, losses, values[:, :, 1:], names, len(longest))


def read_validation(folder: Path) -> tuple[list[int], list[float]]:
    """The steps at which a run has a finite `val/loss`, and these losses, from the `history.csv` of its folder."""
    header, *rows = [line.decode().split(",") for line in _lines(folder)] or [[]]
    if "val/loss" not in header:
        return [], []
    column = header.index("val/loss")
    known = [(int(row[0]), float(row[column])) for row in rows if row[column]]
    finite = [(step, loss) for step, loss in known if math.isfinite(loss)]
    return [step for step, _ in finite], [loss for _, loss in finite]


def loss_quantiles(losses: Float32[ndarray, "member row"], shares: Sequence[float]) -> Float32[ndarray, "quantile row"]:
    """The quantiles over the members that have a loss at a row: the smallest loss that at least a share of them
    does not exceed. Each is the loss of some member, so an infinite one spoils no other; nan where none has one.

    Args:
        losses: (member, row), with nan for none.
        shares: of the members, in (0, 1].

    Returns:
        (quantile, row).
    """
    ordered = np.sort(losses, axis=0)  # nan comes last
    counts = (~np.isnan(losses)).sum(axis=0)
    rows = [np.clip(np.ceil(share * counts).astype(int) - 1, 0, len(losses) - 1) for share in shares]
    picked: Float32[ndarray, "quantile row"] = np.stack([ordered[row, np.arange(losses.shape[1])] for row in rows])
    return picked


def _lines(folder: Path) -> list[bytes]:
    try:
        lines = (folder / "history.csv").read_bytes().rstrip().split(b"\n")
    except OSError:
        return []
    return lines if len(lines) > 1 else []


def _steps(lines: Sequence[bytes]) -> list[int]:
    return [int(line.partition(b",")[0]) for line in lines[1:]]


def _names(lines: Sequence[bytes]) -> list[str]:
    """Of the parameters."""
    return [name for name in lines[0].decode().split(",") if name not in _NOT_PARAMETERS]


def _rows(lines: Sequence[bytes], steps: Int64[ndarray, " row"], columns: Sequence[str]) -> list[list[float]]:
    """Columns of a history at these steps, each the last that was recorded by then, up to its end."""
    own = np.array(_steps(lines))
    reached = steps[: int(np.searchsorted(steps, own[-1])) + 1]
    header = lines[0].decode().split(",")
    wanted = [header.index(column) for column in columns]
    rows = [lines[1 + int(index)].split(b",") for index in np.searchsorted(own, reached, side="right") - 1]
    return [[float(fields[column]) for column in wanted] for fields in rows]


def _spread(count: int, most: int) -> list[int]:
    """At most `most` of the indices below `count`, the first and the last among them; in pairs of neighbours,
    since of a loss that alternates every so manieth step may show one side alone."""
    if count <= most:
        return list(range(count))
    num_pairs = most // 2
    even = np.linspace(0, count - 2, num_pairs // 2)
    logarithmic = np.geomspace(1, count - 1, num_pairs - len(even)) - 1
    return sorted({round(index) + k for index in [*even, *logarithmic] for k in (0, 1)})
