"""Runs that end with an average of their weights.

Lightning's WeightAveraging puts the average in place of the weights when the training ends. What looks at a step
looks at the weights of that step, and at the end at the average.
"""

from typing import Annotated, Any

from annotated_types import Ge, Lt
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import WeightAveraging


class MeanOfWeights(WeightAveraging):
    """The run ends with the mean of its weights after each of the last steps (Izmailov et al., 2018); the rate stays
    the scheduler's.

    Lightning's StochasticWeightAveraging counts in epochs; this is its WeightAveraging from a step on.

    Args:
        start: the part of the steps after which weights are averaged, in [0, 1).
    """

    def __init__(self, start: Annotated[float, Ge(0), Lt(1)]) -> None:
        super().__init__()
        self.start = start
        self._first_step = 0

    def setup(self, trainer: Trainer, pl_module: Any, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        self._first_step = int(self.start * trainer.max_steps)

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        return step_idx is not None and step_idx >= self._first_step


def averages_of(trainer: Trainer) -> list[WeightAveraging]:
    """The callbacks by which a run ends with an average of its weights: one, or none."""
    return [callback for callback in trainer.callbacks if isinstance(callback, WeightAveraging)]  # type: ignore[attr-defined]  # Lightning sets it


def has_ended(trainer: Trainer) -> bool:
    """Whether a run has made its last step, or is asked to stop after the one it has made."""
    return trainer.global_step >= trainer.max_steps or trainer.should_stop
