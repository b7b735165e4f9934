"""Early stopping: the end of a run whose validation loss falls no more."""

import math
import sys
from typing import Annotated, Any

from annotated_types import Ge
from lightning.pytorch import Trainer

from descentlab.callbacks.steps import StepCallback, points_of
from descentlab.callbacks.validation import validation_losses
from descentlab.errors import InputError
from descentlab.modules.regression import RegressionModule


class Patience:
    """Says when a loss has not been lower by `min_delta` than its lowest for `patience` looks.

    Args:
        patience: looks.
        min_delta: in the unit of the loss.
    """

    def __init__(self, patience: int, min_delta: float) -> None:
        self.patience, self.min_delta = patience, min_delta
        self.lowest, self.lowest_step, self.looks_since = math.inf, 0, 0

    def is_over(self, loss: float, step: int) -> bool:
        """Take note of the loss at a look, and say whether it has been waited for long enough."""
        if loss < self.lowest - self.min_delta:
            self.lowest, self.lowest_step, self.looks_since = loss, step, 0
            return False
        self.looks_since += 1
        return self.looks_since >= self.patience

    def state_dict(self) -> dict[str, Any]:
        return {"loss": self.lowest, "step": self.lowest_step, "looks_since": self.looks_since}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.lowest, self.lowest_step, self.looks_since = state["loss"], state["step"], state["looks_since"]


class EarlyStopping(StepCallback):
    """Ends the run at the look at which `val/loss` has not been lower by `min_delta` than its lowest for
    `patience` looks; the run counts as completed, and `checkpoints/best.ckpt` has the weights of the lowest.

    Lightning's own looks at the end of epochs, which a run counted in steps does not have.

    Args:
        every: gradient steps between two looks, at which the validation has to look too.
        patience: looks.
        min_delta: in the unit of the loss.
    """

    def __init__(self, every: Annotated[int, Ge(1)], patience: Annotated[int, Ge(1)], min_delta: float = 0.0) -> None:
        super().__init__(every)
        self.patience, self.min_delta = patience, min_delta
        self._rule = Patience(patience, min_delta)
        self._stopped_of: int | None = None  # as many steps as the run had before it when it was stopped

    def setup(self, trainer: Trainer, pl_module: Any, stage: str) -> None:
        data = points_of(trainer)
        if "val" not in data.stages():
            raise InputError(
                "callbacks.early_stopping: expected validation points, got none; type data.val_fraction=0.2"
            )

    def look(self, trainer: Trainer, module: RegressionModule, step: int) -> None:
        loss = validation_losses(trainer).get(step)
        if loss is None:
            raise InputError(
                f"callbacks.early_stopping.every: expected the steps of callbacks.validation.every, got {self.every}; "
                "give both one number."
            )
        if self._rule.is_over(loss, step) and step < trainer.max_steps and not trainer.should_stop:
            trainer.should_stop = True
            self._stopped_of = trainer.max_steps
            if trainer.is_global_zero:
                print(
                    f"stopped early at step {step}: val/loss has not been below {self._rule.lowest:.6g} "
                    f"since step {self._rule.lowest_step}",
                    file=sys.stderr,
                )

    def on_fit_start(self, trainer: Trainer, pl_module: Any) -> None:
        """End a run that goes on after it was stopped here, unless it now has more steps before it."""
        if self._stopped_of == trainer.max_steps:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "lowest": self._rule.state_dict(), "stopped_of": self._stopped_of}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._rule.load_state_dict(state_dict["lowest"])
        self._stopped_of = state_dict.get("stopped_of")
