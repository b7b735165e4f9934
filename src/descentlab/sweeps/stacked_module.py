"""The module that holds a stack, and what looks at it: Lightning drives many members as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torch.func import functional_call, vmap
from torch.utils.data import default_collate

from descentlab.callbacks.steps import StepCallback
from descentlab.data.points import PointsDataModule
from descentlab.engines.stack import Stack, StackTrace
from descentlab.modules.coefficients import MOST_COLUMNS, num_parameters
from descentlab.modules.regression import Chunk, RegressionModule
from descentlab.targets import locate


@dataclass(frozen=True)
class Member:
    """One member of a stack, built as a lone run builds it.

    Attributes:
        module: with its own start and settings.
        data: with its own points.
        num_steps: gradient updates to be made.
    """

    module: RegressionModule
    data: PointsDataModule
    num_steps: int


class StackedRegression(LightningModule):
    """Members of one architecture, advanced together by one engine.

    After the training each member's module holds its own parameters.

    Args:
        members: of one net, loss and optimiser, and of one number of samples.
        rates: learning rates, (step, member), where there is a schedule.

    Raises:
        CannotRecord: the members cannot be stacked, with the reason.
    """

    def __init__(self, members: Sequence[Member], rates: Float[Tensor, "step member"] | None = None) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.members = tuple(members)
        first = members[0].module
        settings = {key: value for key, value in first.optimizer_settings.items() if key != "_target_"}
        self.stack = Stack(
            net=first.net,
            parameters=default_collate([dict(member.module.net.named_parameters()) for member in members]),
            x=_stacked([member.data.stages()["train"].x for member in members]),
            y=_stacked([member.data.stages()["train"].y for member in members]),
            loss=first.loss,
            optimizer=locate(first.optimizer_settings["_target_"]),
            hyperparameters={key: self._numbers(key) for key in settings},
            num_steps=torch.tensor([member.num_steps for member in members]),
            schedule=rates,
            buffers={
                name: torch.stack([dict(m.module.net.named_buffers())[name] for m in members])
                for name, _ in first.net.named_buffers()
            },
        )
        self.keeps_parameters = num_parameters(first.net) <= MOST_COLUMNS

    def _numbers(self, key: str) -> Any:
        """One setting of the optimiser: a value that all members share, or a tensor with one a member."""
        values = [member.module.optimizer_settings[key] for member in self.members]
        if isinstance(values[0], list):
            return tuple(torch.tensor(column, dtype=torch.float64) for column in zip(*values, strict=True))
        if isinstance(values[0], float):
            return torch.tensor(values, dtype=torch.float64)
        return values[0]

    def configure_optimizers(self) -> None:
        """The engine holds the state of the optimiser."""

    def training_step(self, batch: Chunk, batch_idx: int) -> dict[str, StackTrace]:
        """The trace of a whole chunk of gradient steps of all members."""
        trace = self.stack.advance(batch.num_steps, batch.rows if self.keeps_parameters else range(0))
        progress = self.trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress
        progress.total.ready += batch.num_steps
        progress.total.completed += batch.num_steps
        if bool((trace.diverged | (self.stack.steps >= self.stack.last_steps)).all()):
            self.trainer.should_stop = True
        return {"trace": trace}

    def unstack(self) -> None:
        """Give every member's module its own parameters."""
        with torch.no_grad():
            for k, member in enumerate(self.members):
                for name, parameter in member.module.net.named_parameters():
                    parameter.copy_(self.stack.parameters[name][k])


class StackHistory(StepCallback):
    """Records losses and parameters of all members, as `History` does for one.

    Args:
        every: gradient steps between two rows.
    """

    def __init__(self, every: int) -> None:
        super().__init__(None)
        self.row_every = every
        self._start = 0
        self.steps: list[int] = []
        self._losses: list[Tensor] = []
        self._parameters: list[Tensor] = []
        self.last_losses: dict[int, Tensor] = {}

    def rows_between(self, start: int, stop: int) -> range:
        """The recorded steps of the updates `start` to `stop`, counted from `start`."""
        return range(-start % self.row_every, stop - start, self.row_every)

    def losses(self) -> Float[Tensor, "row member"]:
        """The loss of each member at each recorded step."""
        return torch.cat(self._losses)

    def parameters(self) -> Float[Tensor, "row member parameter"] | None:
        """The flattened parameters at each recorded step; None for nets with many."""
        return torch.cat(self._parameters) if self._parameters else None

    def look(self, trainer: Trainer, module: Any, step: int) -> None:
        pass

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self._start = trainer.global_step

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        trace: StackTrace = outputs["trace"]
        kept = list(batch.rows)
        self.steps += [self._start + local for local in kept]
        self._losses.append(trace.losses[kept])
        if trace.parameters is not None:
            self._parameters.append(trace.parameters)
        # A member that has just diverged has one loss more than updates: that at the parameters it kept.
        stack = pl_module.stack
        for k in torch.nonzero(trace.diverged).flatten().tolist():
            if k not in self.last_losses:
                self.last_losses[k] = trace.losses[int(stack.steps[k]) - self._start, k]


class StackValidation(StepCallback):
    """Computes `val/loss` of all members in one batched forward pass, and keeps each member's best.

    Args:
        every: gradient steps between two.
        members: of the stack; they have validation points, all of them or none.
    """

    def __init__(self, every: int, members: Sequence[Member]) -> None:
        super().__init__(every)
        self.losses: dict[int, Tensor] = {}
        first = members[0]
        self._has_points = "val" in first.data.stages()
        if self._has_points:
            self._x = _stacked([member.data.stages()["val"].x for member in members])
            self._y = _stacked([member.data.stages()["val"].y for member in members])
        self._scales = torch.tensor([member.module.loss_scale for member in members])
        self._net, self._loss = first.module.net, first.module.loss
        self.best_losses = torch.full((len(members),), torch.inf)
        self.best_steps = torch.zeros(len(members), dtype=torch.long)
        self.best: dict[str, Tensor] = {}

    def look(self, trainer: Trainer, module: StackedRegression, step: int) -> None:  # type: ignore[override]
        if not self._has_points:
            return
        stack = module.stack

        def error(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
            return self._loss(functional_call(self._net, parameters, (x,)), y)

        axes = (0, 0 if self._x.dim() == 3 else None, 0 if self._y.dim() == 3 else None)
        with torch.no_grad():
            losses = vmap(error, in_dims=axes)(stack.parameters, self._x, self._y) * self._scales
        here = stack.steps == step
        self.losses[step] = losses.masked_fill(~here, torch.nan)
        better = here & (losses < self.best_losses)
        self.best_losses = torch.where(better, losses, self.best_losses)
        self.best_steps = self.best_steps.masked_fill(better, step)
        for name, value in stack.parameters.items():
            mask = better.reshape(-1, *[1] * (value.dim() - 1))
            self.best[name] = torch.where(mask, value, self.best.get(name, value))


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    """One tensor that all share, or theirs on a leading member axis."""
    first = tensors[0]
    if all(tensor is first for tensor in tensors):
        return first
    return torch.stack(list(tensors))
