"""What an engine is given and what it gives back: the contract of this room."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from descentlab.engines.drawing import generator_states, set_generator_states
from descentlab.engines.same_bits import same_bits

Snapshot = dict[str, Any]
Loss = Callable[[Tensor, Tensor], Tensor]


@runtime_checkable
class Batches(Protocol):
    """An endless, resumable sequence of batches of tensors that are already in memory."""

    @property
    def is_full(self) -> bool:
        """True if every batch is the same pair of tensor objects."""

    def next(self) -> tuple[Tensor, Tensor]:
        """The next batch, inputs `[sample, feature]` and targets `[sample, target]`; moves on by one."""

    def peek(self) -> tuple[Tensor, Tensor]:
        """The batch that `next` would give; does not move on."""

    def state_dict(self) -> dict[str, Any]:
        """The position as plain values and tensors; loading it continues the sequence exactly."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a position that `state_dict` gave."""


@dataclass
class Problem:
    """One net to be trained: everything that a gradient step reads or writes.

    Attributes:
        net: the net; called with a batch's inputs.
        loss: `(prediction, target) -> scalar tensor`, the mean over the batch as a rule.
        optimizer: the real optimiser over the net's parameters; engines keep its state right.
        scheduler: stepped once after every gradient update, or None.
        batches: where the batches come from.
    """

    net: nn.Module
    loss: Loss
    optimizer: Optimizer
    scheduler: LRScheduler | None
    batches: Batches

    @property
    def device(self) -> torch.device:
        """Where the net's parameters lie."""
        return next(self.net.parameters(), torch.empty(0)).device

    def trainable(self) -> list[nn.Parameter]:
        """The net's parameters that require gradients, in the order of `net.state_dict()`."""
        return [parameter for parameter in self.net.parameters() if parameter.requires_grad]

    def flat_parameters(self) -> Float[Tensor, " parameter"]:
        """A copy of all trainable parameters, flattened and joined in the order of `trainable`."""
        parameters = [parameter.detach().reshape(-1) for parameter in self.trainable()]
        return torch.cat(parameters) if parameters else torch.empty(0)

    def has_finite_parameters(self) -> bool:
        """True if no trainable parameter holds an infinity or a NaN."""
        return bool(torch.isfinite(self.flat_parameters()).all())

    def snapshot(self) -> Snapshot:
        """An exact copy of all that a step may change: parameters, buffers, the state of the optimiser,
        of the scheduler, of the batches and of torch's global generators (from which dropout draws)."""
        groups = self.optimizer.param_groups
        return {
            "parameters": [parameter.detach().clone() for parameter in self.net.parameters()],
            "buffers": [buffer.detach().clone() for buffer in self.net.buffers()],
            "optimizer": [_copied(self.optimizer.state.get(p, {})) for g in groups for p in g["params"]],
            "groups": [_copied({k: v for k, v in group.items() if k != "params"}) for group in groups],
            "scheduler": None if self.scheduler is None else _copied(self.scheduler.state_dict()),
            "batches": _copied(self.batches.state_dict()),
            "generators": generator_states(self.device),
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Put back what `snapshot` copied; the snapshot stays usable. Gradients are cleared."""
        with torch.no_grad():
            for parameter, saved in zip(self.net.parameters(), snapshot["parameters"], strict=True):
                _put_back(parameter, saved)
            for buffer, saved in zip(self.net.buffers(), snapshot["buffers"], strict=True):
                _put_back(buffer, saved)
        states = iter(snapshot["optimizer"])
        for group, saved in zip(self.optimizer.param_groups, snapshot["groups"], strict=True):
            parameters = group["params"]
            group.clear()
            group.update(_copied(saved), params=parameters)
            for parameter in parameters:
                if state := next(states):
                    self.optimizer.state[parameter] = _put_back(self.optimizer.state[parameter], state)
                else:
                    self.optimizer.state.pop(parameter, None)
        if self.scheduler is not None:
            self.scheduler.load_state_dict(_copied(snapshot["scheduler"]))
        self.batches.load_state_dict(_copied(snapshot["batches"]))
        set_generator_states(snapshot["generators"], self.device)
        self.clear_gradients()

    def clear_gradients(self) -> None:
        """Forget the gradients of the net and of the optimiser."""
        for parameter in self.net.parameters():
            parameter.grad = None
        for group in self.optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None


@dataclass
class Trace:
    """What `num_steps` updates left behind.

    Attributes:
        losses: the loss at the parameters before each update; after a divergence one entry more, the
            loss at the parameters that were kept.
        parameters: the flattened trainable parameters before the updates that were asked for by `rows`
            (after a divergence those up to row `num_steps`), or None if no rows were asked for.
        num_steps: the updates performed and kept.
        diverged: True if the run stopped because something was no longer finite.
    """

    losses: Float[Tensor, " step"]
    parameters: Float[Tensor, "row parameter"] | None
    num_steps: int
    diverged: bool


def rows_within(rows: range, start: int, stop: int) -> range:
    """Those of the rising `rows` that lie from `start` to before `stop`, counted from `start`."""
    first = rows.start + max(0, -(-(start - rows.start) // rows.step)) * rows.step
    return range(first - start, min(stop, rows.stop) - start, rows.step)


def joined(traces: Sequence[Trace]) -> Trace:
    """The trace of several advances, one after another, as of one."""
    if len(traces) == 1:
        return traces[0]
    parameters = [trace.parameters for trace in traces if trace.parameters is not None]
    return Trace(
        torch.cat([trace.losses for trace in traces]),
        torch.cat(parameters) if parameters else None,
        sum(trace.num_steps for trace in traces),
        traces[-1].diverged,
    )


@runtime_checkable
class Engine(Protocol):
    """A way to perform gradient steps. All engines but the native leave the same bits behind as the eager one.

    Attributes:
        name: `eager`, `recorded`, `compiled` or `native`: what performs the steps now.
        reason: why a faster engine was left for this one, in one line, or None.
    """

    name: str
    reason: str | None

    def advance(self, num_steps: int, rows: range = range(0)) -> Trace:
        """Perform `num_steps` gradient updates, fewer if the run diverges.

        Args:
            num_steps: how many updates.
            rows: the local step indices (0 to `num_steps` - 1, rising) before whose update the
                parameters are recorded.
        """


def _put_back(current: Any, saved: Any) -> Any:
    """`saved` as a value of its own, in the memory of `current` where that has room for it.

    What already holds the saved values is not written to, so that its version counter stays.
    """
    if isinstance(current, Tensor) and isinstance(saved, Tensor):
        if current.shape == saved.shape and current.dtype == saved.dtype:
            return current if same_bits(current, saved) else current.copy_(saved)
        return saved.clone()
    if type(current) is dict and type(saved) is dict:
        return {key: _put_back(current.get(key), value) for key, value in saved.items()}
    return _copied(saved)


def _copied(value: Any) -> Any:
    """A copy that shares nothing with `value`: `copy.deepcopy`, faster for tensors and plain values."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if type(value) is dict:
        return {key: _copied(item) for key, item in value.items()}
    if type(value) is list:
        return [_copied(item) for item in value]
    if type(value) is tuple:
        return tuple(_copied(item) for item in value)
    return copy.deepcopy(value)
