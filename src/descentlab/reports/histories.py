"""The recorded losses and parameters of many jobs, thinned to what a picture can show.

Whoever wants the histories of a sweep asks `read_histories`; it alone knows how they lie on the disk.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64
from numpy import ndarray

from descentlab.reports.records import Recorded, read_records

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
    """

    steps: Int64[ndarray, " row"]
    losses: Float32[ndarray, "member row"]
    parameters: Float32[ndarray, "member row parameter"]
    names: list[str]


def read_histories(folders: Sequence[Path], statuses: Sequence[str], num_rows: int = 128) -> Histories:
    """The histories of jobs, at about `num_rows` of the recorded steps: half of them evenly spread, half of
    them evenly on a logarithmic scale.

    Args:
        folders: of the jobs; one that has no `history.csv` counts as a job without a history.
        statuses: of the jobs; those that `diverged` stay at an infinite loss.
        num_rows: most rows kept.
    """
    if from_stacks := read_records(folders):
        return _of_records(from_stacks, statuses, num_rows)
    texts = [_lines(folder / "history.csv") for folder in folders]
    longest = max(texts, key=len, default=[])
    recorded = [int(line.partition(b",")[0]) for line in longest[1:]]
    kept = _spread(len(recorded), num_rows)
    steps = np.array([recorded[row] for row in kept], dtype=np.int64)
    headers = {text[0] for text in texts if text}
    columns = headers.pop().decode().split(",") if len(headers) == 1 else ["step", "train/loss"]
    names = [column for column in columns if column not in _NOT_PARAMETERS]
    wanted = [columns.index(name) for name in ("train/loss", *names)]

    values = np.full((len(folders), len(kept), len(wanted)), np.nan, dtype=np.float32)
    for member, lines in enumerate(texts):
        if not lines:
            continue
        rows = [lines[1 + row] for row in kept if 1 + row < len(lines) - 1]
        own = [line.split(b",") for line in [*rows, lines[-1]]]
        if [int(fields[0]) for fields in own[:-1]] != steps[: len(rows)].tolist():  # recorded at other steps
            own = _nearest(lines, steps)
        count = min(len(own), len(kept))
        values[member, :count] = [[float(fields[column]) for column in wanted] for fields in own[-count:]]
        if statuses[member] == "diverged":
            values[member, count:, 0] = np.inf
    losses = values[:, :, 0]
    losses[np.isnan(losses) & (np.array(statuses) == "diverged")[:, None]] = np.inf
    return Histories(steps, losses, values[:, :, 1:], names)


def _of_records(recorded: Sequence[Recorded | None], statuses: Sequence[str], num_rows: int) -> Histories:
    """Histories from the records of stacks; without the parameters, which lie there under no names."""
    longest = max((each[0] for each in recorded if each is not None), key=lambda steps: int(steps[-1]))
    steps = longest[_spread(len(longest), num_rows)]
    losses = np.full((len(recorded), len(steps)), np.nan, dtype=np.float32)
    for member, each in enumerate(recorded):
        if each is not None:
            own, values = each
            reached = steps[: int(np.searchsorted(steps, own[-1])) + 1]
            losses[member, : len(reached)] = values[np.searchsorted(own, reached, side="right") - 1]
        if statuses[member] == "diverged":
            losses[member, np.isnan(losses[member])] = np.inf
    return Histories(steps, losses, np.empty((*losses.shape, 0), dtype=np.float32), [])


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


def _lines(path: Path) -> list[bytes]:
    try:
        lines = path.read_bytes().rstrip().split(b"\n")
    except OSError:
        return []
    return lines if len(lines) > 1 else []


def _spread(count: int, most: int) -> list[int]:
    """At most `most` of the indices below `count`, the first and the last among them."""
    if count <= most:
        return list(range(count))
    even = np.linspace(0, count - 1, most // 2)
    logarithmic = np.geomspace(1, count, most - len(even)) - 1
    return sorted({round(index) for index in [*even, *logarithmic]})


def _nearest(lines: Sequence[bytes], steps: Int64[ndarray, " row"]) -> list[list[bytes]]:
    """The rows of a history at these steps, each the last that was recorded by then, up to its end."""
    rows = [line.split(b",") for line in lines[1:]]
    own = np.array([int(fields[0]) for fields in rows])
    reached = steps[: int(np.searchsorted(steps, own[-1])) + 1]
    return [rows[int(index)] for index in np.searchsorted(own, reached, side="right") - 1]
