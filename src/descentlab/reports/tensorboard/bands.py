"""All members of a sweep at once: the quantiles of their losses, and how their parameters are spread."""

from collections.abc import Sequence

import numpy as np
import torch
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import custom_scalars

from descentlab.callbacks.histograms import bin_edges
from descentlab.reports.histories import Histories, loss_quantiles

TAG = "members/train_loss"
SHARES = {"p05": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95}
_ROOM = 100
_NUM_HISTOGRAMS = 20
_NUM_BINS = 64


def add_bands(board: SummaryWriter, histories: Histories, statuses: Sequence[str]) -> None:
    """Add scalars `members/train_loss/p05` to `/p95` with a chart of margins over them, and a histogram over the
    members for each parameter.

    A quantile that belongs to a diverged member is drawn at 100 times the largest loss at a start, or the rest
    could not be seen; the parameters of such a member are left out.

    Args:
        board: of the run that stands for all members.
        histories: of the members.
        statuses: of the members.
    """
    if not len(histories.steps):
        return
    board._get_file_writer().add_summary(_layout())
    quantiles = loss_quantiles(histories.losses, list(SHARES.values()))
    starts = histories.losses[:, 0]
    most = _ROOM * starts[np.isfinite(starts)].max(initial=0.0)
    for step, values in zip(histories.steps.tolist(), np.minimum(quantiles.T, most).tolist(), strict=True):
        scalars = [
            Summary.Value(tag=f"{TAG}/{name}", simple_value=value)
            for name, value in zip(SHARES, values, strict=True)
            if np.isfinite(value)
        ]
        board._get_file_writer().add_event(Event(summary=Summary(value=scalars)), step)
    kept = histories.parameters[np.array(statuses) != "diverged"]
    for row in np.unique(np.linspace(0, len(histories.steps) - 1, _NUM_HISTOGRAMS).round().astype(int)).tolist():
        for k, name in enumerate(histories.names):
            values = torch.from_numpy(kept[:, row, k])
            finite = values[torch.isfinite(values)]
            if finite.numel():
                edges = bin_edges(finite, _NUM_BINS)
                board.add_histogram(f"members/{name}", finite, int(histories.steps[row]), bins=edges)


def _layout() -> Summary:
    """Two charts: the median within the middle 50 % and within the middle 90 % of the members."""
    charts = {
        "train/loss: median and middle 50 %": ["Margin", [f"{TAG}/{name}" for name in ("median", "p25", "p75")]],
        "train/loss: median and middle 90 %": ["Margin", [f"{TAG}/{name}" for name in ("median", "p05", "p95")]],
    }
    return custom_scalars({"Losses over the members": charts})
