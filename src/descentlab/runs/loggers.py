"""The loggers that a config may choose, at their places in the run folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.loggers.logger import rank_zero_experiment
from lightning.pytorch.utilities import rank_zero_only
from tensorboard.compat.proto.summary_pb2 import Summary
from torch.utils.tensorboard import SummaryWriter

from descentlab.runs.event_file import BulkSummaryWriter


class BulkTensorBoardLogger(TensorBoardLogger):
    """A TensorBoardLogger that writes in bulk, and the metrics of a step as one event."""

    @property
    @rank_zero_experiment
    def experiment(self) -> SummaryWriter:
        if self._experiment is None:
            self._experiment = BulkSummaryWriter(log_dir=self.log_dir)
        return self._experiment

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        if any(isinstance(value, dict) for value in metrics.values()):
            super().log_metrics(metrics, step)
        else:
            values = [Summary.Value(tag=tag, simple_value=float(value)) for tag, value in metrics.items()]
            self.experiment._get_file_writer().add_summary(Summary(value=values), step)


def tensorboard(folder: Path) -> TensorBoardLogger:
    """TensorBoard events in `tensorboard/` of the run folder."""
    return BulkTensorBoardLogger(folder, name="", version="tensorboard", default_hp_metric=False)


def csv(folder: Path) -> CSVLogger:
    """The logged scalars as `csv/metrics.csv` of the run folder."""
    return CSVLogger(folder, name="", version="csv", flush_logs_every_n_steps=1_000_000)
