"""Gradient steps in C, each sum in the order in which it is fastest.

The numbers differ from the recorded engine's in their last bits: sums are added in another order, and exp is
its own. A built function is trusted if it follows the recorded engine closely on its first steps.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from descentlab.engines.c.loops import Places
from descentlab.engines.compiled import CompiledEngine
from descentlab.engines.near import are_near


class NativeEngine(CompiledEngine):
    """A compiled engine whose last bits differ."""

    own_name = "native"

    def make_places(self, num_rows: int) -> Places:
        return Places(num_rows)

    def agrees(self, expected: Float[Tensor, "*shape"], ours: Float[Tensor, "*shape"]) -> bool:
        return are_near(expected, ours)
