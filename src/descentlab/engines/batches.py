"""The two ways to walk through data that lie in memory: all of it each step, or shuffled slices of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from descentlab.engines.problem import Batches
from descentlab.errors import InputError

MOST_IN_INT32 = 2**31 - 1
"""Samples up to which their numbers take half the memory; shuffled in half the time, by the same draws."""


class FullBatch:
    """All samples at every step, always as the same two tensor objects.

    Args:
        x: inputs `[sample, feature]`.
        y: targets `[sample, target]`.
    """

    is_full = True

    def __init__(self, x: Tensor, y: Tensor) -> None:
        _check_sizes(x, y)
        self.x, self.y = x, y

    def next(self) -> tuple[Tensor, Tensor]:
        return self.x, self.y

    def peek(self) -> tuple[Tensor, Tensor]:
        return self.x, self.y

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


class ShuffledBatches:
    """Each epoch all samples once, in a new random order, `batch_size` at a time.

    The order of an epoch is `torch.randperm(sample, generator=g)` with an own generator `g`, seeded once
    with `seed`. The last batch of an epoch is smaller if `batch_size` does not divide the samples.

    Args:
        x: inputs `[sample, feature]`.
        y: targets `[sample, target]`.
        batch_size: samples a batch, at least 1; more than there are gives all of them, shuffled.
        seed: of the generator that shuffles.

    Raises:
        InputError: if `batch_size` is below 1 or x and y differ in their number of samples.
    """

    is_full = False

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        batch_size: int,
        seed: int,
    ) -> None:
        _check_sizes(x, y)
        if batch_size < 1:
            raise InputError(f"batch_size must be at least 1, not {batch_size}: type a count of samples")
        self.x, self.y, self.batch_size, self.seed = x, y, batch_size, seed
        self.generator = torch.Generator().manual_seed(seed)
        self.begin_epoch()

    def next(self) -> tuple[Tensor, Tensor]:
        batch = self.peek()
        self.start += self.batch_size
        return batch

    def peek(self) -> tuple[Tensor, Tensor]:
        if self.start >= len(self.x):
            self.begin_epoch()
        samples = self.order[self.start : self.start + self.batch_size]
        return _rows(self.x, samples), _rows(self.y, samples)

    def state_dict(self) -> dict[str, Any]:
        """The place in the epoch, and the generator from before it was shuffled: the order follows from
        it, and a state is small however many samples there are."""
        return {"start": self.start, "generator": self._before_epoch.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if not torch.equal(state["generator"], self._before_epoch):
            self.generator.set_state(state["generator"])
            self.begin_epoch()
        self.start = state["start"]

    def begin_epoch(self) -> None:
        """Shuffle anew, and stand at the first batch."""
        self._before_epoch = self.generator.get_state()
        kind = torch.int32 if len(self.x) <= MOST_IN_INT32 else torch.int64
        self.order = torch.randperm(len(self.x), generator=self.generator, dtype=kind)
        self.start = 0

    def seek(self, num_batches: int) -> None:
        """Stand where one stands after so many batches from the beginning."""
        self.generator.manual_seed(self.seed)
        epochs, within = divmod(num_batches, -(-len(self.x) // self.batch_size))
        for _ in range(epochs + 1):
            self.begin_epoch()
        self.start = within * self.batch_size


class MovedBatches:
    """Other batches on a device: each moves as it comes, all samples once.

    Args:
        batches: on the CPU; whoever draws from these advances them.
        device: where the batches are wanted.
    """

    def __init__(self, batches: Batches, device: torch.device) -> None:
        self._batches, self._device = batches, device
        self.is_full = batches.is_full
        self._all = self._moved(batches.peek()) if batches.is_full else None

    def next(self) -> tuple[Tensor, Tensor]:
        return self._all or self._moved(self._batches.next())

    def peek(self) -> tuple[Tensor, Tensor]:
        return self._all or self._moved(self._batches.peek())

    def state_dict(self) -> dict[str, Any]:
        return self._batches.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._batches.load_state_dict(state)

    def _moved(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        x, y = batch
        return x.to(self._device), y.to(self._device)


def _rows(table: Tensor, samples: Tensor) -> Tensor:
    """These rows of a table, which torch picks in half the time if it is told that a row is one number."""
    if table.dim() == 2 and table.shape[1] == 1:
        return table[:, 0].index_select(0, samples)[:, None]
    return table.index_select(0, samples)


def _check_sizes(x: Tensor, y: Tensor) -> None:
    if len(x) != len(y) or len(x) == 0:
        raise InputError(
            f"x and y must hold the same samples, at least one: x has {len(x)} and y has {len(y)}; "
            "pass targets that belong to the inputs"
        )
