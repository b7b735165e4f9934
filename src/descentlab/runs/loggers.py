"""The loggers that a config may choose, at their places in the run folder."""

from pathlib import Path

from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger


def tensorboard(folder: Path) -> TensorBoardLogger:
    """TensorBoard events in `tensorboard/` of the run folder."""
    return TensorBoardLogger(folder, name="", version="tensorboard", default_hp_metric=False)


def csv(folder: Path) -> CSVLogger:
    """The logged scalars as `csv/metrics.csv` of the run folder."""
    return CSVLogger(folder, name="", version="csv", flush_logs_every_n_steps=1_000_000)
