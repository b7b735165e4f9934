"""Checkpoints: the last state, to go on from, and the best by validation loss."""

import math
import os
from pathlib import Path
from typing import Annotated, Any

import lightning
import torch
from annotated_types import Ge
from lightning.pytorch import Trainer
from torch import Tensor

from descentlab.callbacks.steps import StepCallback
from descentlab.callbacks.validation import validation_losses
from descentlab.modules.regression import RegressionModule


class Checkpoint(StepCallback):
    """Writes `checkpoints/last.ckpt` every `every` steps and at the end, and with it, where there are
    validation losses, `checkpoints/best.ckpt`: the parameters at the lowest of them.

    Both hold plain values and tensors only, the whole config among them.

    Args:
        every: gradient steps between two.
    """

    def __init__(self, every: Annotated[int, Ge(1)]) -> None:
        super().__init__(every)
        self._best: dict[str, Any] = {"step": 0, "loss": math.inf, "state_dict": None}
        self._best_is_written = True

    def look(self, trainer: Trainer, module: RegressionModule, step: int) -> None:
        folder = Path(trainer.default_root_dir) / "checkpoints"
        self._keep_if_best(trainer, module, step)
        if step == 0 and trainer.max_steps > 0:
            return
        if trainer.is_global_zero:
            folder.mkdir(exist_ok=True)
        _save_whole(folder / "last.ckpt", trainer.save_checkpoint)
        if not self._best_is_written and trainer.is_global_zero:
            _save_whole(folder / "best.ckpt", lambda path: torch.save(self._best_checkpoint(module), path))
            self._best_is_written = True

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._keep_if_best(trainer, pl_module, trainer.global_step)
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def _keep_if_best(self, trainer: Trainer, module: RegressionModule, step: int) -> None:
        loss = validation_losses(trainer).get(step, math.nan)
        if loss < self._best["loss"]:
            state = {name: value.detach().clone() for name, value in module.state_dict().items()}
            self._best = {"step": step, "loss": loss, "state_dict": state}
            self._best_is_written = False

    def _best_checkpoint(self, module: RegressionModule) -> dict[str, Any]:
        best = self._best
        return {**plain_checkpoint(module, best["state_dict"], best["step"]), "val/loss": best["loss"]}

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "best": self._best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._best = state_dict["best"]


def plain_checkpoint(module: RegressionModule, state: dict[str, Tensor], step: int) -> dict[str, Any]:
    """What `load_from_checkpoint`, evaluate and predict need: parameters, settings and units.

    Args:
        module: whose settings and units these are.
        state: its state dict at `step`.
        step: gradient updates made.
    """
    checkpoint = {
        "state_dict": state,
        "global_step": step,
        "hyper_parameters": dict(module.hparams),
        "pytorch-lightning_version": lightning.__version__,
    }
    module.on_save_checkpoint(checkpoint)
    return checkpoint


def _save_whole(path: Path, save: Any) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save(temporary)
        if temporary.exists():
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
