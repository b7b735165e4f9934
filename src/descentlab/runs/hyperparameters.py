"""TensorBoard's HParams: what makes one run differ from another, beside what came of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger

from descentlab.runs.result import Result
from descentlab.settings.config_folders import choice_of

_GROUPS = ("model", "data", "loss", "optimizer", "scheduler")


def log_hyperparameters(loggers: Sequence[Logger], settings: Mapping[str, Any], result: Result) -> None:
    """Write the settings of a run with its final metrics to TensorBoard's HParams, and close the writers."""
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            metrics = {f"final/{name}": value for name, value in result.metrics.items()}
            logger.log_hyperparams(hyperparameters(settings), metrics, step=result.num_steps)
            logger.experiment.close()
        elif isinstance(logger, WandbLogger):
            logger.experiment.finish()  # else the next run of this process would write into the same


def hyperparameters(settings: Mapping[str, Any]) -> dict[str, bool | int | float | str]:
    """The settings of model, data, loss and optimiser as one level of plain values; the choice of each group as it is
    typed, or by the last word of its target where that is no choice's."""
    flat: dict[str, Any] = {"seed": settings["seed"], "trainer.max_steps": settings["trainer"]["max_steps"]}
    if tags := settings["tags"]:
        flat["tags"] = ", ".join(tags)
    for group in _GROUPS:
        for key, value in settings[group].items():
            if key == "_target_":
                flat[group] = choice_of(group, value) or str(value).rpartition(".")[2]
            else:
                flat[f"{group}.{key}"] = value
    return {key: value if isinstance(value, bool | int | float | str) else str(value) for key, value in flat.items()}
