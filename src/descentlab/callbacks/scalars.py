"""Losses, learning rate, gradient norm and coefficients to every logger."""

from typing import Annotated

from annotated_types import Ge
from lightning.pytorch import Trainer

from descentlab.callbacks.observation import Observation, observe_gradients
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
        rate = float(trainer.optimizers[0].param_groups[0]["lr"])
        metrics = scalar_metrics(module, observe_gradients(trainer, module), rate, validation_losses(trainer).get(step))
        for logger in trainer.loggers:
            logger.log_metrics(metrics, step)


def scalar_metrics(
    module: RegressionModule, seen: Observation, rate: float, validation_loss: float | None
) -> dict[str, float]:
    """The scalars of one step by their tags, in the user's units.

    Args:
        module: as it is at the step.
        seen: of it.
        rate: the learning rate of the next update.
        validation_loss: where one was computed at this step.
    """
    metrics = {
        "train/loss": float(seen.loss) * module.loss_scale,
        "train/gradient_norm": seen.gradient_norm,
        "train/lr": rate,
    }
    if validation_loss is not None:
        metrics["val/loss"] = validation_loss
    if num_parameters(module.net) <= MOST_COLUMNS:
        metrics |= {f"coefficients/{name}": value for name, value in module.coefficients().items()}
    return metrics
