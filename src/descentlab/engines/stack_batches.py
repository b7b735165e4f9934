"""The batches of many members side by side: each member's are its own, as when it runs alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from descentlab.engines.batches import FullBatch, ShuffledBatches
from descentlab.engines.drawing import CPU
from descentlab.engines.problem import Batches

Batch = tuple[Float[Tensor, "*member sample feature"], Float[Tensor, "*member sample target"]]


@runtime_checkable
class StackBatches(Protocol):
    """The batches of several members at once; their first axis is left out where all members share them."""

    @property
    def is_full(self) -> bool:
        """True if every batch is the same pair of tensor objects."""

    def next(self) -> Batch:
        """The next batch of every member; moves on by one."""

    def peek(self) -> Batch:
        """The batch that `next` would give; does not move on."""

    def to(self, device: torch.device) -> StackBatches:
        """The same batches on a device, at their beginning."""

    def of(self, members: Sequence[int]) -> StackBatches:
        """The batches of some of the members on the CPU, at their beginning."""

    def alone(self, member: int) -> Batches:
        """One member's batches on the CPU, at their beginning."""

    def place(self, num_batches: Int[Tensor, " member"]) -> None:
        """Leave each member's own batches where they stand after so many, counted from the beginning."""

    def state_dict(self) -> dict[str, Any]:
        """The position, copied: loading it continues the sequence exactly."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a position that `state_dict` gave."""


class FullStackBatch:
    """All samples of every member at every step.

    Args:
        x: inputs `[member, sample, feature]`, or `[sample, feature]` shared by all.
        y: targets `[member, sample, target]`, or `[sample, target]` shared.
    """

    is_full = True

    def __init__(self, x: Float[Tensor, "*member sample feature"], y: Float[Tensor, "*member sample target"]) -> None:
        self._points = x, y

    def next(self) -> Batch:
        return self._points

    def peek(self) -> Batch:
        return self._points

    def to(self, device: torch.device) -> FullStackBatch:
        x, y = self._points
        return FullStackBatch(x.to(device), y.to(device))

    def of(self, members: Sequence[int]) -> FullStackBatch:
        return FullStackBatch(*self._of(list(members)))

    def alone(self, member: int) -> FullBatch:
        return FullBatch(*self._of(member))

    def place(self, num_batches: Int[Tensor, " member"]) -> None:
        pass

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass

    def _of(self, members: int | list[int]) -> Batch:
        x, y = (part[members] if part.dim() == 3 else part for part in self._points)
        return x.cpu(), y.cpu()


class ShuffledStackBatches:
    """Shuffled batches: entry k of each is what member k's own would give next.

    The members' own batches shuffle; where they stand within an epoch, only `place` tells them.

    Args:
        members: at their beginning, of one number of samples and one batch size.
        device: where the batches are wanted.
    """

    is_full = False

    def __init__(self, members: Sequence[ShuffledBatches], device: torch.device = CPU) -> None:
        first = members[0]
        self.members = tuple(members)
        self.num_samples, self.batch_size = len(first.x), first.batch_size
        self._device = device
        points = zip(*((each.x, each.y) for each in members), strict=True)
        self._points = [torch.cat(parts).to(device) for parts in points]
        self._begins = torch.arange(len(members))[:, None] * self.num_samples
        self._epoch = 0
        self._start = 0
        self._order_points()

    def next(self) -> Batch:
        batch = self.peek()
        self._start += self.batch_size
        return batch

    def peek(self) -> Batch:
        if self._start >= self.num_samples:
            for member in self.members:
                member.begin_epoch()
            self._epoch += 1
            self._start = 0
            self._order_points()
        x, y = (part[:, self._start : self._start + self.batch_size].contiguous() for part in self._ordered)
        return x, y

    def to(self, device: torch.device) -> ShuffledStackBatches:
        return ShuffledStackBatches(self.members, device)

    def of(self, members: Sequence[int]) -> ShuffledStackBatches:
        return ShuffledStackBatches([self.alone(member) for member in members])

    def alone(self, member: int) -> ShuffledBatches:
        own = self.members[member]
        return ShuffledBatches(own.x, own.y, own.batch_size, own.seed)

    def place(self, num_batches: Int[Tensor, " member"]) -> None:
        a_epoch = -(-self.num_samples // self.batch_size)
        for member, count in zip(self.members, num_batches.tolist(), strict=True):
            within = count - self._epoch * a_epoch
            if 0 <= within <= a_epoch:
                member.start = within * self.batch_size
            else:
                member.seek(count)

    def state_dict(self) -> dict[str, Any]:
        members = [member.state_dict() for member in self.members]
        return {"members": members, "epoch": self._epoch, "start": self._start}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for member, own in zip(self.members, state["members"], strict=True):
            member.load_state_dict(own)
        self._epoch, self._start = state["epoch"], state["start"]
        self._order_points()

    def _order_points(self) -> None:
        """All points of the epoch, in each member's order."""
        order = (torch.stack([member.order for member in self.members]) + self._begins).reshape(-1).to(self._device)
        shape = len(self.members), self.num_samples, -1
        self._ordered = [points.index_select(0, order).reshape(shape) for points in self._points]
