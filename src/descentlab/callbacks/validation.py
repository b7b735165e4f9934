"""The loss on the validation points, while training."""

from typing import Annotated, Any

import torch
from annotated_types import Ge
from lightning.pytorch import Trainer

from descentlab.callbacks.steps import StepCallback, callbacks_of, points_of
from descentlab.modules.regression import RegressionModule


class Validation(StepCallback):
    """Computes `val/loss` at the start, every `every` steps and at the end.

    It is one forward pass over the points that the data module holds, so it costs no validation loop;
    where there are no validation points it does nothing.

    Args:
        every: gradient steps between two.
    """

    def __init__(self, every: Annotated[int, Ge(1)]) -> None:
        super().__init__(every)
        self.losses: dict[int, float] = {}

    def look(self, trainer: Trainer, module: RegressionModule, step: int) -> None:
        data = points_of(trainer)
        if data.val is not None:
            module.eval()
            with torch.no_grad():
                x, y = (tensor.to(module.device) for tensor in data.val)
                self.losses[step] = float(module.loss(module(x), y) * module.loss_scale)
            module.train()

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "losses": dict(self.losses)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self.losses = dict(state_dict["losses"])


def validation_losses(trainer: Trainer) -> dict[int, float]:
    """`val/loss` by step, as far as it was computed in this trainer's run."""
    return next((c.losses for c in callbacks_of(trainer) if isinstance(c, Validation)), {})
