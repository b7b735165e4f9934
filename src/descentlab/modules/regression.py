"""What every model family shares: loss, optimiser, training, judging and predicting."""

import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from descentlab.engines.batches import MovedBatches
from descentlab.engines.choose import choose_engine
from descentlab.engines.drawing import CPU
from descentlab.engines.problem import Batches, Engine, Problem, Trace, joined, rows_within
from descentlab.functional.losses import degree_of, mse, on_scaled_targets
from descentlab.functional.standardization import Standardization
from descentlab.modules.coefficients import MOST_COLUMNS, column_names, columns_of, flat_parameters, num_parameters
from descentlab.modules.together import highest, predict_in_shares
from descentlab.nets.linear_in_parameters import LinearInParameters
from descentlab.targets import build, build_function

SECONDS_UNHEARD = 0.1
"""About how long an engine works before the run may stop for a signal; steps that take longer stop it each."""


def mse_beside(prediction: Tensor, target: Tensor) -> Float[Tensor, ""]:
    """The mean squared error, reported beside another loss; NaN where a prediction is no guess of the target alone,
    as one of mean and variance, so that the shapes differ."""
    return mse(prediction, target) if prediction.shape == target.shape else prediction.new_full((), math.nan)


class Chunk:
    """A call of `training_step` that makes many gradient steps at once.

    A plain class, since Lightning takes dataclasses and sequences apart on their way to the device.

    Attributes:
        num_steps: gradient updates, up to the next step at which somebody wants to look.
        rows: of these, counted from 0, the ones before which loss and parameters are recorded.
    """

    def __init__(self, num_steps: int, rows: range) -> None:
        self.num_steps = num_steps
        self.rows = rows


class RegressionModule(LightningModule):
    """A net, trained by gradient descent on a loss between its predictions and the targets.

    On batches (x, y) this is an ordinary LightningModule with automatic optimisation. After
    `train_in_chunks` its batches are `Chunk`s, each of which an engine carries out as one.

    Args:
        net: the network, or plain settings of one: its `_target_` and the keywords it takes.
        loss: plain settings of the loss, a function (prediction, target) -> scalar.
        optimizer: plain settings of a `torch.optim` optimiser, without the parameters.
        scheduler: plain settings of a learning-rate scheduler, stepped after every update.
    """

    def __init__(
        self,
        net: nn.Module | dict[str, Any],
        loss: dict[str, Any],
        optimizer: dict[str, Any],
        scheduler: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(ignore=["net"] if isinstance(net, nn.Module) else [], logger=False)
        self.net: nn.Module = build(net) if isinstance(net, Mapping) else net
        self.loss = build_function(loss)
        self.optimizer_settings = optimizer
        self.scheduler_settings = scheduler
        self.standardization: Standardization | None = None
        self._user_loss = self.loss
        self.config: dict[str, Any] | None = None
        self.diverged = self.pruned = False
        self.engine: Engine | None = None
        self.step_loss: Tensor | None = None  # before the last update of Lightning's own
        self._engine_before: str | None = None  # of a run that goes on
        self._chunked: tuple[Batches, str, bool] | None = None
        self._pace = 64  # steps an engine makes before the run may stop

    def forward(self, x: Float[Tensor, "sample feature"]) -> Float[Tensor, "sample target"]:
        prediction: Tensor = self.net(x)
        return prediction

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """The loss of a batch (x, y), or the trace of a whole `Chunk` of gradient steps.

        Processes that train together are given the same batch, and divide its samples among them.
        """
        if isinstance(batch, Chunk):
            return {"trace": self._advance(batch)}
        x, y = batch
        return self.loss(predict_in_shares(self, x), y)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self._log_metrics("val", batch)

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self._log_metrics("test", batch)

    def predict_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self.predict(batch[0] if isinstance(batch, tuple | list) else batch)

    def standardize(self, units: Standardization) -> None:
        """From now on the points are in standard units, and what the module gives back in the user's."""
        self.standardization = units
        self.loss = on_scaled_targets(self._user_loss, units.y_std)

    def predict(self, x: Float[Tensor, "sample feature"]) -> Float[Tensor, "sample target"]:
        """The predictions for inputs in the user's units, in the user's units."""
        units = self.standardization
        prediction: Tensor = self(x) if units is None else units.restore_y(self(units.standardize_x(x)))
        return prediction

    @property
    def loss_scale(self) -> float:
        """What a loss in the units of the training is multiplied by to be in the user's: y_std^degree."""
        if self.standardization is None:
            return 1.0
        return float(self.standardization.y_std ** degree_of(self.loss))

    def columns(self, flat: Float[Tensor, "row parameter"]) -> Float[Tensor, "row column"]:
        """Flattened parameters in the order of `column_names`; the coefficients of a model that is
        linear in them in the user's units."""
        columns = columns_of(self.net, flat)
        if self.standardization is None or not isinstance(self.net, LinearInParameters):
            return columns
        matrix, offset = self.standardization.coefficient_map(columns.shape[1])
        return (columns.double() @ matrix.T + offset).to(columns.dtype)

    def coefficients(self) -> dict[str, float]:
        """The parameters as they are now, by the names of their columns."""
        values = self.columns(flat_parameters(self.net)[None])[0].tolist()
        return dict(zip(column_names(self.net), values, strict=True))

    @property
    def wants_mse(self) -> bool:
        """Whether the loss is another than the mean squared error, which is reported beside it then."""
        return self._user_loss is not mse

    @property
    def mse_scale(self) -> float:
        """What a mean squared error in the units of the training is multiplied by to be in the user's."""
        return 1.0 if self.standardization is None else self.standardization.y_std**2

    def metrics(self, x: Float[Tensor, "sample feature"], y: Float[Tensor, "sample target"]) -> dict[str, Tensor]:
        """The loss, and `mse_beside` it, of the predictions for points of the data
        module; both in the user's units."""
        prediction = self(x)
        return {
            "loss": self.loss(prediction, y) * self.loss_scale,
            "mse": mse_beside(prediction, y) * self.mse_scale,
        }

    def _log_metrics(self, stage: str, batch: Any) -> None:
        metrics = self.metrics(*batch)
        self.log_dict({f"{stage}/{name}": value for name, value in metrics.items()}, batch_size=len(batch[0]))

    def configure_optimizers(self) -> Any:
        optimizer = build(self.optimizer_settings, self.net.parameters())
        if self.scheduler_settings is None or self.scheduler_settings["_target_"] is None:
            return optimizer
        scheduler = build(self.scheduler_settings, optimizer)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def train_in_chunks(self, batches: Batches, engine: str, warns: bool = True) -> None:
        """From now on `training_step` takes `Chunk`s.

        Args:
            batches: the training batches, from which the engine draws.
            engine: the one wanted, as `descentlab.engines.choose` names them.
            warns: whether it says why another one makes the steps.
        """
        self.automatic_optimization = False
        self._chunked = batches, engine, warns

    def on_train_start(self) -> None:
        if self._chunked is not None:
            batches, requested, warns = self._chunked
            scheduler: Any = self.lr_schedulers()
            if self.device != CPU:
                batches = MovedBatches(batches, self.device)
            problem = Problem(self.net, self.loss, self.trainer.optimizers[0], scheduler, batches)
            num_steps = self.trainer.max_steps - self.trainer.global_step
            self.engine, reason = choose_engine(problem, requested, num_steps)
            if warns and reason is not None:
                print(reason, file=sys.stderr)

    def _advance(self, chunk: Chunk) -> Trace:
        assert self.engine is not None, "chunks come after on_train_start"
        reads_parameters = self.wants_mse or num_parameters(self.net) <= MOST_COLUMNS
        rows = chunk.rows if reads_parameters else range(0)
        traces: list[Trace] = []
        done = 0
        while done < chunk.num_steps and not (traces and self.trainer.should_stop):
            stop = min(done + self._pace, chunk.num_steps)
            began = time.perf_counter()
            trace = self.engine.advance(stop - done, rows_within(rows, done, stop))
            seconds = time.perf_counter() - began
            self._pace = max(1, int(self._pace * min(4.0, SECONDS_UNHEARD / seconds)))
            self.count_steps(trace.num_steps)
            traces.append(trace)
            done += trace.num_steps
            if trace.diverged:
                self.trainer.should_stop = self.diverged = True
        return joined(traces)

    @property
    def engine_name(self) -> str:
        """What makes the steps, or made those of the run that this one goes on with."""
        return self.engine.name if self.engine is not None else self._engine_before or "lightning"

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Callable[[], Any] | None = None
    ) -> None:
        """One update of Lightning's own; an update that leaves the finite numbers is taken back, and
        ends the run."""
        before = [parameter.detach().clone() for parameter in self.net.parameters()]
        loss: Tensor = optimizer.step(closure=optimizer_closure)
        self.step_loss = loss.detach()  # of an optimiser that asks for it again, Lightning keeps the last
        self.end_if_diverged(before, loss, num_steps=1)

    def end_if_diverged(self, before: Sequence[Tensor], loss: Tensor, num_steps: int) -> None:
        """Take back updates that leave the finite numbers in one of the processes, and end the run.

        Args:
            before: the net's parameters before them.
            loss: before the last of them, one number.
            num_steps: how many they are, which Lightning has counted.
        """
        finite = all(bool(torch.isfinite(parameter).all()) for parameter in self.net.parameters())
        if highest(not (finite and math.isfinite(loss)), self.device):
            with torch.no_grad():
                for parameter, value in zip(self.net.parameters(), before, strict=True):
                    parameter.copy_(value)
            self.trainer.should_stop = self.diverged = True
            self.count_steps(-num_steps)

    def go_on(self, num_steps: int, engine: str, diverged: bool) -> None:
        """Take on the past of the run that this one goes on with.

        Args:
            num_steps: gradient updates made.
            engine: what made them.
            diverged: whether the run has ended by that.
        """
        self.count_steps(num_steps)
        self._engine_before = engine
        self.trainer.should_stop = self.diverged = diverged

    def count_steps(self, num_steps: int) -> None:
        """Correct Lightning's count of optimiser steps by those that it saw too few or too many."""
        loop = self.trainer.fit_loop.epoch_loop
        progress = (
            loop.automatic_optimization.optim_progress.optimizer.step
            if self.automatic_optimization
            else loop.manual_optimization.optim_step_progress
        )
        progress.total.ready += num_steps
        progress.total.completed += num_steps

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["config"] = self.config
        checkpoint["standardization"] = None if self.standardization is None else self.standardization.to_plain()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if checkpoint["standardization"] is not None:
            self.standardize(Standardization.from_plain(checkpoint["standardization"]))
