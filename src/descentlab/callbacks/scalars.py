"""Losses, learning rate, gradient norm and coefficients to every logger."""

from typing import Annotated

from annotated_types import Ge
from lightning.pytorch import Trainer

from descentlab.callbacks.observation import observe_run
from descentlab.callbacks.steps import StepCallback
from descentlab.callbacks.validation import validation_losses
from descentlab.modules.coefficients import MOST_COLUMNS, num_parameters
from descentlab.modules.regression import RegressionModule


class Scalars(StepCallback):
    """Logs `train/loss`, `val/loss`, `train/gradient_norm`, `train/lr` and the coefficients of a model
    that has few, at the start, every `every` steps and at the end.

    Args:
        every: gradient steps between two.
    """

    def __init__(self, every: Annotated[int, Ge(1)]) -> None:
        super().__init__(every)

    def look(self, trainer: Trainer, module: RegressionModule, step: int) -> None:
        if not trainer.loggers:
            return
        seen = observe_run(trainer, module)
        metrics = {
            "train/loss": float(seen.loss) * module.loss_scale,
            "train/gradient_norm": seen.gradient_norm,
            "train/lr": float(trainer.optimizers[0].param_groups[0]["lr"]),
        }
        if step in (losses := validation_losses(trainer)):
            metrics["val/loss"] = losses[step]
        if num_parameters(module.net) <= MOST_COLUMNS:
            metrics |= {f"coefficients/{name}": value for name, value in module.coefficients().items()}
        for logger in trainer.loggers:
            logger.log_metrics(metrics, step)
