"""Many nets trained as one by compiled C, each sum in the order in which it is fastest."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from descentlab.engines.c.lanes import LanePlaces
from descentlab.engines.compiled_stack import CompiledStack
from descentlab.engines.near import rows_are_near


class NativeStack(CompiledStack):
    """A compiled stack whose last bits differ."""

    own_name = "native"

    def make_places(self, num_samples: int) -> LanePlaces:
        return LanePlaces(num_samples)

    def agrees(
        self,
        expected: Float[Tensor, "member number"],
        ours: Float[Tensor, "member number"],
        spread: Float[Tensor, "member 1"],
    ) -> bool:
        return rows_are_near(expected, ours, spread)
