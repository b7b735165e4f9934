"""The TensorBoard events of a job that was trained in a stack, made from its recorded rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from descentlab.callbacks.histograms import add_histograms
from descentlab.callbacks.history import Rows
from descentlab.callbacks.observation import Observation, observe
from descentlab.callbacks.scalars import scalar_metrics
from descentlab.data.points import PointsDataModule
from descentlab.modules.coefficients import unflatten
from descentlab.modules.regression import RegressionModule
from descentlab.runs.dashboard import log_dashboard
from descentlab.runs.hyperparameters import log_hyperparameters
from descentlab.runs.result import Result
from descentlab.targets import build


def write_events(
    settings: Mapping[str, Any],
    result: Result,
    module: RegressionModule,
    data: PointsDataModule,
    rows: Rows,
    validation: Mapping[int, float],
    rates: Sequence[float],
) -> None:
    """Write what a lone run's loggers would have been told, at the steps of `logger.every` and
    `callbacks.histograms.every` that were recorded.

    Of a net with too many parameters to be recorded only the losses and the learning rate are written.

    Args:
        settings: of the job.
        result: of the job; its folder is there.
        module: with the last parameters, which it has again afterwards.
        data: of the job, its batches at their beginning.
        rows: the recorded ones.
        validation: `val/loss` by step.
        rates: the learning rate of each update.
    """
    loggers = [build(s, result.folder) for name, s in settings["logger"].items() if name != "every" and s is not None]
    log_dashboard(loggers, settings)
    scalars, histograms = (settings["callbacks"].get(name) for name in ("scalars", "histograms"))
    position = 0
    for index, step in enumerate(rows.steps):
        for _ in range(step - position):
            data.batches.next()  # so that what is seen is seen on the batch of the next update
        position = step
        is_last = index == len(rows.steps) - 1
        wants_scalars = scalars is not None and (is_last or step % scalars["every"] == 0)
        wants_histograms = histograms is not None and (is_last or step % histograms["every"] == 0)
        if not (wants_scalars or wants_histograms):
            continue
        rate = rates[min(step, len(rates) - 1)]
        seen = _see(module, data, rows, index, is_last)
        for logger in loggers:
            if wants_scalars:
                logger.log_metrics(_metrics(module, seen, rate, validation.get(step), rows, index), step)
            if wants_histograms and seen is not None and isinstance(logger, TensorBoardLogger):
                add_histograms(logger.experiment, module, seen, step, histograms["bins"])
    _close(loggers, settings, result)


def _see(module: RegressionModule, data: PointsDataModule, rows: Rows, index: int, is_last: bool) -> Observation | None:
    if rows.parameters is not None:
        with torch.no_grad():
            for name, value in unflatten(module.net, rows.parameters[index : index + 1]).items():
                module.net.get_parameter(name).copy_(value[0])
    elif not is_last:
        return None
    return observe(module, data.batches)


def _metrics(
    module: RegressionModule,
    seen: Observation | None,
    rate: float,
    validation_loss: float | None,
    rows: Rows,
    index: int,
) -> dict[str, float]:
    if seen is not None:
        return scalar_metrics(module, seen, rate, validation_loss)
    metrics = {"train/loss": float(rows.losses[index]) * module.loss_scale, "train/lr": rate}
    return metrics if validation_loss is None else {**metrics, "val/loss": validation_loss}


def _close(loggers: Sequence[Logger], settings: Mapping[str, Any], result: Result) -> None:
    log_hyperparameters(loggers, settings, result)
    for logger in loggers:
        logger.finalize("success")
