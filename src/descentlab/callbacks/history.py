"""The history of a run: losses and parameters before every recorded update, and at the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from lightning.pytorch import Callback, Trainer
from torch import Tensor, nn
from torch.func import functional_call, vmap

from descentlab.callbacks.observation import observe
from descentlab.callbacks.steps import points_of
from descentlab.data.points import PointsDataModule
from descentlab.engines.problem import Trace
from descentlab.modules.coefficients import MOST_COLUMNS, flat_parameters, num_parameters, unflatten
from descentlab.modules.regression import Chunk, RegressionModule, mse_beside


@dataclass
class Rows:
    """Recorded rows: row k holds the state before update k + 1.

    Attributes:
        steps: updates made before each row.
        losses: the training loss at its parameters, on the batch of the next update.
        parameters: flattened, (row, parameter); None for a model with many.
        mse: the mean squared error over all training points, where the loss is another; else None.
    """

    steps: list[int]
    losses: Tensor
    parameters: Tensor | None
    mse: Tensor | None


def multiples_between(every: int, start: int, stop: int) -> range:
    """The multiples of `every` from `start` on and before `stop`, counted from `start`: 1, 4 of 3 from 2 to 8."""
    return range(-start % every, stop - start, every)


def mse_of_rows(
    net: nn.Module,
    x: Float[Tensor, "sample feature"],
    y: Float[Tensor, "sample target"],
    parameters: Float[Tensor, "row parameter"],
) -> Float[Tensor, " row"]:
    """The mean squared error of a net on points (x, y) at each row of flattened parameters; NaN where it has none."""

    def error(named: dict[str, Tensor]) -> Tensor:
        return mse_beside(functional_call(net, named, (x,)), y)

    with torch.no_grad():
        errors: Tensor = vmap(error, chunk_size=256)(dict(unflatten(net, parameters)))
    return errors


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
        self._mse: list[Tensor] = []
        self._start = 0
        self._before: Tensor | None = None
        self._last_loss: Tensor | None = None

    def rows_between(self, start: int, stop: int) -> range:
        """The recorded steps of the updates `start` to `stop`, counted from `start`."""
        return multiples_between(self.every, start, stop)

    def rows(self) -> Rows:
        """All rows recorded so far."""
        return Rows(
            self._steps,
            torch.cat(self._losses) if self._losses else torch.empty(0),
            torch.cat(self._parameters) if self._parameters else None,
            torch.cat(self._mse) if self._mse else None,
        )

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self._start = trainer.global_step
        if not isinstance(batch, Chunk) and self._start % self.every == 0:
            self._before = flat_parameters(pl_module.net)[None]

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        data = points_of(trainer)
        if isinstance(batch, Chunk):
            trace: Trace = outputs["trace"]
            rows = range(batch.rows.start, min(batch.rows.stop, trace.num_steps), batch.rows.step)
            parameters = None if trace.parameters is None else trace.parameters[: len(rows)]
            steps = range(self._start + rows.start, self._start + rows.stop, rows.step)
            batch_losses = trace.losses[rows.start : max(rows.start, rows.stop) : rows.step]
            self._add(pl_module, data, steps, batch_losses, parameters)
            if trace.diverged:
                self._last_loss = trace.losses[-1:].cpu()
            return
        loss = (outputs["loss"] if pl_module.step_loss is None else pl_module.step_loss).reshape(1)
        if pl_module.diverged:
            self._last_loss = loss
        elif self._start % self.every == 0:
            self._add(pl_module, data, [self._start], loss, self._before)

    def on_fit_end(self, trainer: Trainer, pl_module: Any) -> None:
        step, data = trainer.global_step, points_of(trainer)
        if self._steps and self._steps[-1] == step:
            return
        loss = self._last_loss
        if loss is None:
            loss = observe(pl_module, data.batches).loss.reshape(1)
        self._add(pl_module, data, [step], loss, flat_parameters(pl_module.net)[None])

    def _add(
        self,
        module: RegressionModule,
        data: PointsDataModule,
        steps: Sequence[int],
        batch_losses: Tensor,
        parameters: Tensor | None,
    ) -> None:
        self._steps += steps
        self._losses.append(batch_losses.detach().cpu())
        if parameters is None:
            return
        if num_parameters(module.net) <= MOST_COLUMNS:
            self._parameters.append(parameters.cpu())
        if module.wants_mse and steps:
            x, y = (tensor.to(parameters.device) for tensor in data.stages()["train"])
            self._mse.append(mse_of_rows(module.net, x, y, parameters).cpu() * module.mse_scale)

    def state_dict(self) -> dict[str, Any]:
        rows = self.rows()
        return {
            "steps": torch.tensor(rows.steps, dtype=torch.int64),  # a list of as many takes far longer to write
            "losses": rows.losses,
            "parameters": rows.parameters,
            "mse": rows.mse,
            "last_loss": self._last_loss,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._steps = state_dict["steps"].tolist()
        self._last_loss = state_dict["last_loss"]
        self._losses = [state_dict["losses"]]
        parameters, mse = state_dict["parameters"], state_dict["mse"]
        self._parameters = [] if parameters is None else [parameters]
        self._mse = [] if mse is None else [mse]
