"""What a captured step is given and leaves behind: a row a step, found by a count on the device."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


class StepRows:
    """Tables on a device with a row for each of the steps until it is asked again.

    Args:
        num_rows: the most steps in between.
        rates: the numbers that are new at a step, of which every row has as many.
        losses: the loss or the losses of a step, of which every row has as many.

    Attributes:
        rates: those of the present step, always in the same memory.
    """

    def __init__(self, num_rows: int, rates: Float[Tensor, "*rates"], losses: Float[Tensor, "*losses"]) -> None:
        self._row = torch.zeros(1, dtype=torch.long, device=losses.device)
        self._rates = losses.new_empty(num_rows, *rates.shape)
        self._present = losses.new_empty(1, *rates.shape)
        self._losses = losses.new_empty(num_rows, *losses.shape)
        self.rates = self._present[0]

    def begin(self, rates: Float[Tensor, "step ..."]) -> None:
        """Stand before the first of some steps with these rates."""
        self._row.zero_()
        self._rates[: len(rates)].copy_(rates)

    def take(self) -> None:
        """Make the rates of the next step the present ones."""
        torch.index_select(self._rates, 0, self._row, out=self._present)

    def leave(self, losses: Tensor) -> None:
        """Write down what the present step came to, and go on to the next."""
        self._losses.index_copy_(0, self._row, losses[None])
        self._row.add_(1)

    def losses(self, count: int) -> Float[Tensor, "step ..."]:
        """What the first steps came to, until the next begin."""
        return self._losses[:count]
