"""One progress bar, in gradient steps, with the loss and the rate."""

import sys
from typing import Any

from lightning.pytorch import Callback, Trainer
from tqdm import tqdm


class Progress(Callback):
    """Shows how far a run is, once it has taken a second; nothing where stderr is no terminal."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        self._bar = tqdm(
            total=trainer.max_steps,
            initial=trainer.global_step,
            unit=" steps",
            unit_scale=True,
            delay=1.0,
            leave=False,
            dynamic_ncols=True,
            disable=not (trainer.is_global_zero and sys.stderr.isatty()),
        )

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self._bar is not None and not self._bar.disable:
            trace = outputs.get("trace")
            losses = (outputs["loss"] if trace is None else trace.losses[-1]) * pl_module.loss_scale
            name = "median loss" if losses.ndim else "loss"  # of the members of a stack
            self._bar.set_postfix_str(f"{name} {float(losses.nanmedian()):.4g}", refresh=False)
            self._bar.update(trainer.global_step - self._bar.n)

    def on_fit_end(self, trainer: Trainer, pl_module: Any) -> None:
        if self._bar is not None:
            self._bar.close()

    def on_exception(self, trainer: Trainer, pl_module: Any, exception: BaseException) -> None:
        self.on_fit_end(trainer, pl_module)
