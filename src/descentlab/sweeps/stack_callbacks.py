"""What looks at a stack while it trains, and remembers: the history and the validation of all members."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from jaxtyping import Float
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.func import functional_call, vmap

from descentlab.callbacks.history import multiples_between
from descentlab.callbacks.steps import StepCallback
from descentlab.engines.drawing import CPU
from descentlab.engines.member_by_member import MemberByMember
from descentlab.engines.problem import Loss
from descentlab.engines.stack import over_members
from descentlab.engines.stack_trace import StackTrace
from descentlab.modules.coefficients import unflatten
from descentlab.modules.regression import mse_beside
from descentlab.sweeps.stacked_module import Member, StackedRegression, shared_or_stacked


class StackHistory(StepCallback):
    """Records losses and parameters of all members, as `History` does for one.

    Args:
        every: gradient steps between two rows.
        num_members: of the stack.
    """

    def __init__(self, every: int, num_members: int) -> None:
        super().__init__(None)
        self.row_every = every
        self._num_members = num_members
        self.steps: list[int] = []
        self._losses: list[Tensor] = []
        self._parameters: list[Tensor] = []
        self._mse: list[Tensor] = []

    def rows_between(self, start: int, stop: int) -> range:
        """The recorded steps of the updates `start` to `stop`, counted from `start`."""
        return multiples_between(self.row_every, start, stop)

    def losses(self) -> Float[Tensor, "member row"]:
        """The loss of each member at each recorded step."""
        return torch.cat([torch.empty(self._num_members, 0), *(losses.T for losses in self._losses)], dim=1)

    def parameters(self) -> Float[Tensor, "member row parameter"] | None:
        """The flattened parameters at each recorded step; None for nets with many."""
        if not self._parameters:
            return None
        return torch.cat([parameters.transpose(0, 1) for parameters in self._parameters], dim=1)

    def mean_squared_errors(self) -> Float[Tensor, "member row"] | None:
        """The mean squared error of each member at each recorded step, where the loss is another."""
        return torch.cat(self._mse, dim=1) if self._mse else None

    def state_dict(self) -> dict[str, Any]:
        joined = {name: torch.cat(parts, dim) for name, (parts, dim) in self._parts().items() if parts}
        return {**super().state_dict(), "steps": list(self.steps), **joined}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self.steps = list(state_dict["steps"])
        for name, (parts, _) in self._parts().items():
            parts[:] = [state_dict[name]] if name in state_dict else []

    def _parts(self) -> dict[str, tuple[list[Tensor], int]]:
        """What was recorded chunk by chunk, and along which axis the chunks are joined."""
        return {"losses": (self._losses, 0), "parameters": (self._parameters, 0), "mse": (self._mse, 1)}

    def look(self, trainer: Trainer, module: Any, step: int) -> None:
        pass

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        trace: StackTrace = outputs["trace"]
        start, kept = trainer.global_step - batch.num_steps, list(batch.rows)
        self.steps += [start + local for local in kept]
        self._losses.append(trace.losses[kept])
        if trace.parameters is not None:
            if pl_module.keeps_parameters:
                self._parameters.append(trace.parameters)
            if pl_module.members[0].module.wants_mse:
                self._mse.append(self._mse_of(pl_module, trace.parameters))

    def _mse_of(
        self, module: StackedRegression, parameters: Float[Tensor, "row member parameter"]
    ) -> Float[Tensor, "member row"]:
        net = module.members[0].module.net
        named = [{**module.untrained, **unflatten(net, row)} for row in parameters]
        errors = [losses_of(net, mse_beside, each, module.x, module.y) for each in named]
        return torch.stack(errors, dim=1) * torch.tensor([[each.module.mse_scale] for each in module.members])


class StackValidation(StepCallback):
    """Computes `val/loss` of all members in one forward pass, on the CPU with the bits of lone nets, and keeps each
    member's best.

    Args:
        every: gradient steps between two; None computes none.
        members: of the stack; they have validation points, all of them or none.
        device: where the stack is.
    """

    def __init__(self, every: int | None, members: Sequence[Member], device: torch.device = CPU) -> None:
        super().__init__(every)
        self.losses: dict[int, Tensor] = {}
        first = members[0]
        self._looks = every is not None and "val" in first.data.stages()
        if self._looks:
            self._x = shared_or_stacked([member.data.stages()["val"].x for member in members]).to(device)
            self._y = shared_or_stacked([member.data.stages()["val"].y for member in members]).to(device)
        self._scales = torch.tensor([member.module.loss_scale for member in members])
        self._net, self._loss, self._device = first.module.net, first.module.loss, device
        self.best_losses = torch.full((len(members),), torch.inf)
        self.best_steps = torch.zeros(len(members), dtype=torch.long)
        self.best: dict[str, Tensor] = {}

    def look(self, trainer: Trainer, module: StackedRegression, step: int) -> None:
        if not self._looks:
            return
        stack = module.stack
        untrained = {name: value.to(self._device) for name, value in module.untrained.items()}
        was_training = self._net.training
        self._net.eval()
        x = self._x.expand(stack.num_members, *self._x.shape[-2:])
        with MemberByMember(stack.num_members) if self._device == CPU else nullcontext():
            losses = losses_of(self._net, self._loss, {**untrained, **stack.parameters}, x, self._y)
        self._net.train(was_training)
        losses = losses.cpu() * self._scales
        here = stack.steps == step
        self.losses[step] = losses.masked_fill(~here, torch.nan)
        better = here & (losses < self.best_losses)
        self.best_losses = torch.where(better, losses, self.best_losses)
        self.best_steps = self.best_steps.masked_fill(better, step)
        for name, value in stack.parameters.items():
            self.best[name] = torch.where(over_members(better, value), value, self.best.get(name, value))

    def state_dict(self) -> dict[str, Any]:
        own = {"losses": self.losses, "best": self.best, "best_losses": self.best_losses, "best_steps": self.best_steps}
        return {**super().state_dict(), **own}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self.losses = dict(state_dict["losses"])
        self.best = {name: value.to(self._device) for name, value in state_dict["best"].items()}
        self.best_losses, self.best_steps = state_dict["best_losses"], state_dict["best_steps"]


def losses_of(
    net: nn.Module, loss: Loss, parameters: Mapping[str, Tensor], x: Tensor, y: Tensor
) -> Float[Tensor, " member"]:
    """The loss of every member in one batched pass.

    Args:
        net: the template.
        loss: (prediction, target) -> scalar.
        parameters: and buffers, by name, each (member, its own shape).
        x, y: points, (member, sample, …), or (sample, …) that all share.
    """

    def error(named: Mapping[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return loss(functional_call(net, dict(named), (x,)), y)

    axes = (0, 0 if x.dim() == 3 else None, 0 if y.dim() == 3 else None)
    with torch.no_grad():
        errors: Tensor = vmap(error, in_dims=axes)(dict(parameters), x, y)
    return errors
