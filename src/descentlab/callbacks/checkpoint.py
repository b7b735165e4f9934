"""Checkpoints: the last state, to go on from, and the best by validation loss."""

import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import lightning
from annotated_types import Ge
from lightning.pytorch import Trainer
from torch import Tensor

from descentlab.callbacks.averaging import averages_of, has_ended
from descentlab.callbacks.steps import StepCallback
from descentlab.callbacks.validation import validation_losses
from descentlab.engines.drawing import generator_states, set_generator_states
from descentlab.modules.regression import RegressionModule
from descentlab.modules.together import highest, of_all_processes


@runtime_checkable
class Rewindable(Protocol):
    """A logger that can go back to where it was when a checkpoint was written."""

    def mark(self) -> Any:
        """Write out all that was logged, and say in plain values how much it is."""

    def check(self, mark: Any) -> None:
        """Refuse, with an InputError, a file from which less can be read than when `mark` gave this."""

    def rewind(self, mark: Any) -> None:
        """Remove what was logged since `mark` gave this."""


class Checkpoint(StepCallback):
    """Writes `checkpoints/last.ckpt` on the way and after the last step, and with it, where there are
    validation losses, `checkpoints/best.ckpt`: the parameters at the lowest of them.

    Both hold plain values and tensors only, the whole config among them. The last one holds besides all
    that a run needs to go on as if it had never stopped. It is written before anybody looks at the end of
    the run, for the end of a run that goes on later is no end.

    Args:
        every: gradient steps between two.
        seconds: the least time between two on the way. To bring one to the disk takes milliseconds, the time
            of hundreds of steps, and what a kill costs a run is time.
    """

    def __init__(self, every: Annotated[int, Ge(1)], seconds: Annotated[float, Ge(0)]) -> None:
        super().__init__(every)
        self.seconds = seconds
        self._since = time.monotonic()
        self._best: dict[str, Any] = {"step": 0, "loss": math.inf, "state_dict": None}
        self._best_is_written = True
        self._written: int | None = None
        self._weights: dict[str, Tensor] | None = None  # of the last step, where their average takes their place

    def on_fit_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Put the average of the weights in place where there is nothing left to train, as its own callback does
        when a training ends."""
        if has_ended(trainer):
            for average in averages_of(trainer):
                average.on_train_end(trainer, pl_module)

    def look(self, trainer: Trainer, module: RegressionModule, step: int) -> None:
        self._keep_if_best(trainer, module, step)
        due = trainer.max_steps == 0 or (step > 0 and time.monotonic() - self._since >= self.seconds)
        if highest(due, module.device):  # the clocks of processes that train together differ
            self._write_last(trainer, step)
            self._write_best(trainer, module)

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        self._keep_if_best(trainer, pl_module, trainer.global_step)
        super().on_train_start(trainer, pl_module)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if averages_of(trainer):
            self._weights = _copied(pl_module.state_dict())
        self._keep_if_best(trainer, pl_module, trainer.global_step)
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        self._write_last(trainer, trainer.global_step)

    def on_fit_end(self, trainer: Trainer, pl_module: Any) -> None:
        super().on_fit_end(trainer, pl_module)
        self._write_best(trainer, pl_module)  # of a run that was killed between the last one and this

    def _write_last(self, trainer: Trainer, step: int) -> None:
        if self._written != step:
            self._written = step
            trainer.save_checkpoint(_folder(trainer) / "last.ckpt")
            self._since = time.monotonic()

    def _write_best(self, trainer: Trainer, module: RegressionModule) -> None:
        if not self._best_is_written and trainer.is_global_zero:
            trainer.strategy.checkpoint_io.save_checkpoint(
                self._best_checkpoint(module), _folder(trainer) / "best.ckpt"
            )
        self._best_is_written = True

    def _keep_if_best(self, trainer: Trainer, module: RegressionModule, step: int) -> None:
        loss = validation_losses(trainer).get(step, math.nan)
        if loss < self._best["loss"]:
            self._best = {"step": step, "loss": loss, "state_dict": _copied(module.state_dict())}
            self._best_is_written = False

    def _best_checkpoint(self, module: RegressionModule) -> dict[str, Any]:
        best = self._best
        return {**plain_checkpoint(module, best["state_dict"], best["step"]), "val/loss": best["loss"]}

    def on_save_checkpoint(self, trainer: Trainer, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        checkpoint |= {"engine": pl_module.engine_name, "diverged": pl_module.diverged}
        if self._weights is not None:
            checkpoint["current_model_state"] = self._weights
        checkpoint["generators"] = {
            kind: of_all_processes(state, pl_module.device)
            for kind, state in generator_states(trainer.strategy.root_device).items()
        }
        if trainer.is_global_zero:  # which alone logs, and alone writes this
            checkpoint["logs"] = [logger.mark() for logger in _rewindable(trainer)]

    def on_load_checkpoint(self, trainer: Trainer, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Go on from here: the loggers forget what came later, and the module counts from this step.

        Lightning's own progress is left out. It is counted in batches of an epoch, and the place in the
        epoch is the data module's.
        """
        if trainer.is_global_zero:
            for logger, mark in _marked(trainer, checkpoint):
                logger.rewind(mark)
        own = {kind: states[trainer.global_rank] for kind, states in checkpoint["generators"].items()}
        set_generator_states(own, trainer.strategy.root_device)  # the module is not on its device yet
        self._written = checkpoint["global_step"]
        del checkpoint["loops"]
        pl_module.go_on(checkpoint["global_step"], checkpoint["engine"], checkpoint["diverged"])

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "best": self._best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._best = state_dict["best"]
        # The file may hold a later one, of steps that are to come again, or the end of a run that now goes on.
        self._best_is_written = self._best["state_dict"] is None


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


def _copied(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in state.items()}


def check_logs(trainer: Trainer, checkpoint: Mapping[str, Any]) -> None:
    """Refuse, with an InputError, logs that have lost what a checkpoint to go on from says of them."""
    if trainer.is_global_zero:
        for logger, mark in _marked(trainer, checkpoint):
            logger.check(mark)


def _folder(trainer: Trainer) -> Path:
    return Path(trainer.default_root_dir) / "checkpoints"


def _marked(trainer: Trainer, checkpoint: Mapping[str, Any]) -> Iterator[tuple[Rewindable, Any]]:
    return zip(_rewindable(trainer), checkpoint["logs"], strict=True)


def _rewindable(trainer: Trainer) -> list[Rewindable]:
    return [logger for logger in trainer.loggers if isinstance(logger, Rewindable)]
