"""Gradient steps in C, each sum in the order in which it is fastest.

The numbers differ from the recorded engine's in their last bits: sums are added in another order, and exp is
its own. A built function is trusted if it follows the recorded engine closely on its first steps.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from descentlab.engines.c.loops import Places
from descentlab.engines.compiled import CompiledEngine

TOLERANCE = 1e-4
"""Largest difference from the recorded engine after the compared steps, relative to the largest number."""


class NativeEngine(CompiledEngine):
    """A compiled engine whose last bits differ."""

    own_name = "native"

    def make_places(self, num_rows: int) -> Places:
        return Places(num_rows)

    def agrees(self, recorded: Float[Tensor, "*shape"], ours: Float[Tensor, "*shape"]) -> bool:
        scale = float(recorded[recorded.isfinite()].abs().max()) if bool(recorded.isfinite().any()) else 1.0
        return torch.allclose(recorded, ours, rtol=0, atol=TOLERANCE * scale, equal_nan=True)
