"""The end of a run whose module makes its updates itself, when they diverge."""

from typing import Any

from lightning.pytorch import Callback, Trainer
from torch import Tensor

from descentlab.errors import InputError


class ManualSteps(Callback):
    """Looks, before anybody else does, at what a module with manual optimisation has made of a batch.

    Updates that leave the finite numbers are taken back, and the run ends as diverged. Lightning tells a module of
    its updates only where the optimisation is automatic.
    """

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self._start = trainer.global_step
        self._before = [parameter.detach().clone() for parameter in pl_module.net.parameters()]

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        loss = outputs.get("loss") if isinstance(outputs, dict) else None
        if not isinstance(loss, Tensor):
            raise InputError(
                f"model._target_: expected a training_step that returns the loss, which the history records, "
                f"got {type(loss).__name__} from {type(pl_module).__name__}."
            )
        pl_module.end_if_diverged(self._before, loss, trainer.global_step - self._start)
