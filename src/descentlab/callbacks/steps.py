"""The rule of events: a callback names the step at which it looks next, and is asked then."""

from abc import ABC, abstractmethod
from typing import Any

from lightning.pytorch import Callback, Trainer

from descentlab.callbacks.averaging import averages_of, has_ended
from descentlab.data.points import PointsDataModule


class StepCallback(Callback, ABC):
    """A callback that looks at the run at step 0, at every `every`-th step, and at the end.

    Steps are gradient updates. The run advances from event to event, so a step named here is met
    exactly, whether Lightning steps batch by batch or an engine makes many steps at once.

    A run that ends with an average of its weights is looked at when they are in place, and not before at the same
    step; it is then, if it goes on from there.

    Args:
        every: steps between two looks, at least 1; None looks at the start and the end alone.
    """

    def __init__(self, every: int | None) -> None:
        self.every = every
        self._last_look: int | None = None

    @abstractmethod
    def look(self, trainer: Trainer, module: Any, step: int) -> None:
        """What is to be done at `step`, when `step` updates have been made."""

    def next_step(self, step: int) -> int | None:
        """The first step after `step` at which this callback wants to look, if any."""
        return None if self.every is None else (step // self.every + 1) * self.every

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        if trainer.global_step == 0 or (self._is_due(trainer) and averages_of(trainer)):
            self._look(trainer, pl_module)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self._is_due(trainer) and not (averages_of(trainer) and has_ended(trainer)):
            self._look(trainer, pl_module)

    def on_fit_end(self, trainer: Trainer, pl_module: Any) -> None:
        if averages_of(trainer):
            self._last_look = None
        self._look(trainer, pl_module)

    def _is_due(self, trainer: Trainer) -> bool:
        return self.every is not None and trainer.global_step % self.every == 0

    def _look(self, trainer: Trainer, module: Any) -> None:
        if self._last_look != trainer.global_step:
            self._last_look = trainer.global_step
            self.look(trainer, module, trainer.global_step)

    def state_dict(self) -> dict[str, Any]:
        return {"last_look": self._last_look}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._last_look = state_dict["last_look"]


def points_of(trainer: Trainer) -> PointsDataModule:
    """The data module of a run."""
    data = trainer.datamodule  # type: ignore[attr-defined]  # Lightning sets it in fit
    assert isinstance(data, PointsDataModule), f"expected a PointsDataModule, got {type(data).__name__}"
    return data


def callbacks_of(trainer: Trainer) -> list[Callback]:
    """The callbacks of a run, in their order."""
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]  # likewise
    return callbacks
