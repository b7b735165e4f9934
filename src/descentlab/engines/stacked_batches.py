"""Shuffled batches of many members side by side, each in its own order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from descentlab.engines.batches import ShuffledBatches

Batch = tuple[Float[Tensor, "member sample feature"], Float[Tensor, "member sample target"]]


class StackedBatches:
    """The batches of several members at once: entry k of each is what member k's own would give next.

    The members' own batches shuffle; where they stand within an epoch, only `place` tells them.

    Args:
        members: at their beginning, of one number of samples and one batch size.
    """

    def __init__(self, members: Sequence[ShuffledBatches]) -> None:
        first = members[0]
        self.members = tuple(members)
        self.num_samples, self.batch_size = len(first.x), first.batch_size
        self._points = [torch.cat(parts) for parts in zip(*((each.x, each.y) for each in members), strict=True)]
        self._begins = torch.arange(len(members))[:, None] * self.num_samples
        self._epoch = 0
        self._start = 0
        self._order_points()

    def next(self) -> Batch:
        """The next batch of every member; moves on by one."""
        batch = self.peek()
        self._start += self.batch_size
        return batch

    def peek(self) -> Batch:
        """The batch that `next` would give; does not move on."""
        if self._start >= self.num_samples:
            for member in self.members:
                member.begin_epoch()
            self._epoch += 1
            self._start = 0
            self._order_points()
        x, y = (part[:, self._start : self._start + self.batch_size].contiguous() for part in self._ordered)
        return x, y

    def place(self, num_batches: Int[Tensor, " member"]) -> None:
        """Leave each member's own batches where they stand after so many, counted from the beginning."""
        a_epoch = -(-self.num_samples // self.batch_size)
        for member, count in zip(self.members, num_batches.tolist(), strict=True):
            within = count - self._epoch * a_epoch
            if 0 <= within <= a_epoch:
                member.start = within * self.batch_size
            else:
                member.seek(count)

    def state_dict(self) -> dict[str, Any]:
        """The position, copied: loading it continues the sequence exactly."""
        members = [member.state_dict() for member in self.members]
        return {"members": members, "epoch": self._epoch, "start": self._start}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a position that `state_dict` gave."""
        for member, own in zip(self.members, state["members"], strict=True):
            member.load_state_dict(own)
        self._epoch, self._start = state["epoch"], state["start"]
        self._order_points()

    def _order_points(self) -> None:
        """All points of the epoch, in each member's order."""
        order = (torch.stack([member.order for member in self.members]) + self._begins).reshape(-1)
        shape = len(self.members), self.num_samples, -1
        self._ordered = [points.index_select(0, order).reshape(shape) for points in self._points]
