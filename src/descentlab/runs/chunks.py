"""How far a run goes without anybody looking: the chunks between events."""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from lightning.pytorch import Callback, Trainer

from descentlab.callbacks.history import History
from descentlab.callbacks.progress import Progress
from descentlab.callbacks.steps import StepCallback, callbacks_of
from descentlab.modules.regression import Chunk, RegressionModule

_PER_BATCH_HOOKS = (
    "on_train_batch_start",
    "on_train_batch_end",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
)
_OWN_TRAINING = (
    *_PER_BATCH_HOOKS,
    "forward",
    "training_step",
    "optimizer_step",
    "optimizer_zero_grad",
    "backward",
    "configure_gradient_clipping",
)


@runtime_checkable
class Rowed(Protocol):
    """What says which steps are recorded: the history of one module, or of a stack."""

    def rows_between(self, start: int, stop: int) -> range: ...


class Chunks:
    """The batches of a run in chunks: each reaches to the next step at which a callback looks.

    Args:
        callbacks: of the run; each `StepCallback` among them names its steps.
        history: names the rows to be recorded.
        start: gradient updates already made.
        stop: gradient updates in all.
    """

    def __init__(self, callbacks: Sequence[Callback], history: Rowed, start: int, stop: int) -> None:
        self._events = [callback for callback in callbacks if isinstance(callback, StepCallback)]
        self._history = history
        self._start, self._stop = start, stop

    def __iter__(self) -> Iterator[Chunk]:
        step = self._start
        while step < self._stop:
            upcoming = [event.next_step(step) for event in self._events]
            end = min([self._stop, *(at for at in upcoming if at is not None)])
            yield Chunk(end - step, self._history.rows_between(step, end))
            step = end


def why_step_by_step(module: RegressionModule, trainer: Trainer, engine: str) -> str | None:
    """Why Lightning has to make each step itself, in one line; None where chunks serve.

    Args:
        module: a subclass that trains in a way of its own is left to Lightning.
        trainer: its callbacks may need each batch, it may clip gradients or use several devices.
        engine: `trainer.engine`.
    """
    if engine == "lightning":
        return "trainer.engine=lightning"
    if (own := own_training(module)) is not None:
        return own
    if trainer.gradient_clip_val is not None:
        return "trainer.gradient_clip_val is set"
    device = trainer.strategy.root_device.type
    if device not in ("cpu", "cuda"):
        return f"the engines work on the CPU and on CUDA devices, and this run is on {device}"
    if trainer.world_size > 1:
        return f"{trainer.world_size} processes train together"
    for callback in callbacks_of(trainer):
        if isinstance(callback, StepCallback | History | Progress):
            continue
        for hook in _PER_BATCH_HOOKS:
            if getattr(type(callback), hook) is not getattr(Callback, hook):
                return f"the callback {type(callback).__name__} looks at every batch"
    return None


def own_training(module: RegressionModule) -> str | None:
    """That a subclass trains in a way of its own, in one line; None where it trains as all do."""
    for name in _OWN_TRAINING:
        if getattr(type(module), name) is not getattr(RegressionModule, name):
            return f"{type(module).__name__} has a {name} of its own"
    return None
