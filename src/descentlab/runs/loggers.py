"""The loggers that a config may choose, at their places in the run folder."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, MLFlowLogger, TensorBoardLogger, WandbLogger
from lightning.pytorch.loggers.logger import rank_zero_experiment
from lightning.pytorch.utilities import rank_zero_only
from tensorboard.compat.proto.summary_pb2 import Summary
from torch.utils.tensorboard import SummaryWriter

from descentlab.errors import InputError
from descentlab.extras import need
from descentlab.runs.event_file import BulkSummaryWriter
from descentlab.runs.metrics_file import MetricsFile


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

    @rank_zero_only
    def save(self) -> None:
        """Write what waits, and no `hparams.yaml`: the run's `config.yaml` is beside it."""
        if self._experiment is not None:
            self._experiment.flush()

    def mark(self) -> dict[str, int]:
        """The bytes of each event file, everything logged so far among them."""
        self.save()
        return {path.name: path.stat().st_size for path in self._event_files()}

    def check(self, mark: Mapping[str, int]) -> None:
        """Take the event files as they are: not being flushed one by one, a power cut may have shortened them."""

    def rewind(self, mark: Mapping[str, int]) -> None:
        """Cut off the event files where they ended at `mark`, so that no step is there twice."""
        if self._experiment is not None:
            self._experiment.close()
            self._experiment = None  # its file is later than the mark
        for path in self._event_files():
            if path.name not in mark:
                path.unlink()
            elif path.stat().st_size > mark[path.name]:
                with open(path, "r+b") as file:
                    file.truncate(mark[path.name])

    def _event_files(self) -> list[Path]:
        return sorted(Path(self.log_dir).glob("events.out.tfevents.*"))


class WholeCSVLogger(CSVLogger):
    """A CSVLogger whose file is written whole, at every checkpoint and at the end."""

    _experiment: Any  # Lightning's own writer removes what is there already

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        if self._experiment is None:
            self._experiment = MetricsFile(self.log_dir)
        return self._experiment

    def mark(self) -> int:
        """The number of rows, all of which are written."""
        self.save()
        return len(self.experiment.metrics)

    def check(self, mark: int) -> None:
        """Refuse a file without the rows that were there at `mark`."""
        self.experiment.first_rows(mark)

    def rewind(self, mark: int) -> None:
        """Go on after the rows that were there at `mark`."""
        self.experiment.rewind(mark)


def tensorboard(folder: Path) -> TensorBoardLogger:
    """TensorBoard events in `tensorboard/` of the run folder."""
    return BulkTensorBoardLogger(folder, name="", version="tensorboard", default_hp_metric=False)


def csv(folder: Path) -> CSVLogger:
    """The logged scalars as `csv/metrics.csv` of the run folder."""
    return WholeCSVLogger(folder, name="", version="csv", flush_logs_every_n_steps=1_000_000_000)


def wandb(folder: Path, project: str, offline: bool) -> WandbLogger:
    """A run of Weights & Biases, in `wandb/` of the run folder.

    Args:
        folder: of the run.
        project: that it is filed under.
        offline: write it here alone; `wandb sync <run folder>/wandb/offline-…` sends it later.

    Raises:
        InputError: the package is not installed.
    """
    need("wandb", "logger.wandb")
    return WandbLogger(name=folder.name, save_dir=folder, project=project, offline=offline)


def mlflow(folder: Path, experiment: str, tracking_uri: str) -> MLFlowLogger:
    """A run of MLflow.

    Args:
        folder: of the run, whose name it has.
        experiment: that it is filed under.
        tracking_uri: a folder, or the address of a server.

    Raises:
        InputError: the package is not installed, or the store cannot be opened.
    """
    need("mlflow", "logger.mlflow")
    from mlflow.exceptions import MlflowException

    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow 3 refuses folders otherwise: it prefers SQLite
    uri = tracking_uri if "://" in tracking_uri else Path(tracking_uri).resolve().as_uri()
    try:
        return MLFlowLogger(experiment_name=experiment, run_name=folder.name, tracking_uri=uri)
    except MlflowException as error:
        raise InputError(f"logger.mlflow.tracking_uri: expected a folder or a server, but {error}") from error
