"""Early stopping of the members of a stack: each ends where its lone run would."""

from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import Trainer

from descentlab.callbacks.early_stopping import EarlyStopping, Patience
from descentlab.callbacks.steps import StepCallback, callbacks_of
from descentlab.engines.record import CannotRecord
from descentlab.sweeps.stack_callbacks import StackValidation
from descentlab.sweeps.stacked_module import Member, StackedRegression


class StackEarlyStopping(StepCallback):
    """Ends each member at the look at which `EarlyStopping` would end its lone run; the others go on.

    Args:
        lone: the callback of a lone run.
        members: of the stack.
    """

    def __init__(self, lone: EarlyStopping, members: Sequence[Member]) -> None:
        super().__init__(lone.every)
        self._rules = [Patience(lone.patience, lone.min_delta) for _ in members]

    def look(self, trainer: Trainer, module: StackedRegression, step: int) -> None:
        validation = next(callback for callback in callbacks_of(trainer) if isinstance(callback, StackValidation))
        if step not in validation.losses:
            raise CannotRecord("callbacks.early_stopping looks where callbacks.validation does not")
        running = module.stack.running()
        losses = validation.losses[step].tolist()
        over = [rule.is_over(loss, step) for rule, loss in zip(self._rules, losses, strict=True)]
        module.end(torch.tensor(over) & running)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "rules": [rule.state_dict() for rule in self._rules]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for rule, state in zip(self._rules, state_dict["rules"], strict=True):
            rule.load_state_dict(state)
