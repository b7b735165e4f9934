"""What an advance of a stack leaves behind."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass
class StackTrace:
    """What an advance of a stack left behind.

    Attributes:
        losses: the loss of each member at its parameters before each update; NaN after its end. A member
            that diverged has one more entry, at the parameters it kept.
        parameters: each member's flattened parameters before the updates named by `rows`, or None; after a
            member's end the ones it kept.
        num_steps: the updates each member performed and kept in this advance.
        diverged: which members have stopped because something was no longer finite, now or before.
    """

    losses: Float[Tensor, "step member"]
    parameters: Float[Tensor, "row member parameter"] | None
    num_steps: Int[Tensor, " member"]
    diverged: Bool[Tensor, " member"]

    def cut_at_ends(self, had_diverged: Bool[Tensor, " member"]) -> StackTrace:
        """This trace with NaN after each member's end, given which had diverged before the advance."""
        ends = self.num_steps + (self.diverged & ~had_diverged).long()
        self.losses.masked_fill_(torch.arange(len(self.losses))[:, None] >= ends, torch.nan)
        return self


def over_members(members: Bool[Tensor, " member"], tensor: Tensor) -> Bool[Tensor, "member ..."]:
    """A mask of members with as many axes as the tensor, on its device."""
    return members.reshape(-1, *[1] * (tensor.dim() - 1)).to(tensor.device)
