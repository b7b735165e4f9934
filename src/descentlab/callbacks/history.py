"""The history of a run: losses and parameters before every recorded update, and at the end."""

from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from torch import Tensor

from descentlab.callbacks.observation import observe
from descentlab.callbacks.steps import points_of
from descentlab.engines.problem import Trace
from descentlab.modules.coefficients import MOST_COLUMNS, flat_parameters, num_parameters
from descentlab.modules.regression import Chunk, RegressionModule


@dataclass
class Rows:
    """Recorded rows: row k holds the state before update k + 1.

    Attributes:
        steps: updates made before each row.
        losses: the training loss at its parameters, on the batch of the next update.
        parameters: flattened, (row, parameter); None for a model with many.
    """

    steps: list[int]
    losses: Tensor
    parameters: Tensor | None


class History(Callback):
    """Records rows 0, `every`, 2 `every`, …, and the last.

    Args:
        every: gradient steps between two rows.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self._steps: list[int] = []
        self._losses: list[Tensor] = []
        self._parameters: list[Tensor] = []
        self._start = 0
        self._before: Tensor | None = None
        self._last_loss: Tensor | None = None

    def rows_between(self, start: int, stop: int) -> range:
        """The recorded steps of the updates `start` to `stop`, counted from `start`."""
        return range(-start % self.every, stop - start, self.every)

    def rows(self) -> Rows:
        """All rows recorded so far."""
        losses = torch.cat(self._losses) if self._losses else torch.empty(0)
        parameters = torch.cat(self._parameters) if self._parameters else None
        return Rows(self._steps, losses, parameters)

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self._start = trainer.global_step
        if not isinstance(batch, Chunk) and self._start % self.every == 0 and self._keeps_parameters(pl_module):
            self._before = flat_parameters(pl_module.net)[None]

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if isinstance(batch, Chunk):
            trace: Trace = outputs["trace"]
            kept = [k for k in batch.rows if k < trace.num_steps]
            parameters = None if trace.parameters is None else trace.parameters[: len(kept)]
            self._add([self._start + k for k in kept], trace.losses[kept], parameters)
            if trace.diverged:
                self._last_loss = trace.losses[-1:]
        elif pl_module.diverged:
            self._last_loss = outputs["loss"].reshape(1)
        elif self._start % self.every == 0:
            self._add([self._start], outputs["loss"].reshape(1), self._before)

    def on_fit_end(self, trainer: Trainer, pl_module: Any) -> None:
        step = trainer.global_step
        if self._steps and self._steps[-1] == step:
            return
        loss = self._last_loss
        if loss is None:
            loss = observe(pl_module, points_of(trainer).batches).loss.reshape(1)
        parameters = flat_parameters(pl_module.net)[None] if self._keeps_parameters(pl_module) else None
        self._add([step], loss, parameters)

    def _keeps_parameters(self, module: RegressionModule) -> bool:
        return num_parameters(module.net) <= MOST_COLUMNS

    def _add(self, steps: list[int], losses: Tensor, parameters: Tensor | None) -> None:
        self._steps += steps
        self._losses.append(losses.detach().cpu())
        if parameters is not None:
            self._parameters.append(parameters.cpu())

    def state_dict(self) -> dict[str, Any]:
        rows = self.rows()
        return {"steps": list(rows.steps), "losses": rows.losses, "parameters": rows.parameters}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._steps = list(state_dict["steps"])
        self._losses = [state_dict["losses"]]
        parameters = state_dict["parameters"]
        self._parameters = [] if parameters is None else [parameters]
