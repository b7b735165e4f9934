"""Many nets trained as one by compiled C, each sum in the order in which it is fastest."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from descentlab.engines.c.lanes import LanePlaces
from descentlab.engines.compiled_stack import CompiledStack

TOLERANCE = 1e-4
"""Largest difference from the recorded stack after the compared steps, relative to a member's largest number."""


class NativeStack(CompiledStack):
    """A compiled stack whose last bits differ."""

    own_name = "native"

    def make_places(self, num_samples: int) -> LanePlaces:
        return LanePlaces(num_samples)

    def agrees(self, recorded: Float[Tensor, "member number"], ours: Float[Tensor, "member number"]) -> bool:
        scale = recorded.nan_to_num(0.0, 0.0, 0.0).abs().amax(dim=1, keepdim=True)
        return bool((((recorded - ours).abs() <= TOLERANCE * scale) | (recorded.isnan() & ours.isnan())).all())
