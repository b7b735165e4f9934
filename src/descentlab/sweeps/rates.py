"""The loss that each of many learning rates leads to, all of them trained as one stack."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from descentlab.engines.record import CannotRecord
from descentlab.errors import InputError
from descentlab.runs.stability import Stability, stability
from descentlab.sweeps.fit import fit_stack
from descentlab.sweeps.members import members
from descentlab.sweeps.stacked_module import Member

RATES = [10 ** (exponent / 6) for exponent in range(-30, 7)]
"""From 1e-5 to 10, six a decade."""


@dataclass(frozen=True)
class RateSearch:
    """What a run comes to at each learning rate.

    Attributes:
        rates: in rising order.
        losses: train/loss after the last step at each rate; nan where it diverged.
        start: train/loss before the first step.
        num_steps: gradient updates made at each rate.
        stability: of the run at its start.
    """

    rates: list[float]
    losses: list[float]
    start: float
    num_steps: int
    stability: Stability

    @property
    def best(self) -> float | None:
        """The rate that ends with the lowest loss, the smallest of those that do to four digits; None where none
        ends below the start."""
        below = [
            (float(f"{loss:.4g}"), rate)
            for loss, rate in zip(self.losses, self.rates, strict=True)
            if loss < self.start
        ]
        return min(below)[1] if below else None


def search_rates(overrides: Sequence[str]) -> RateSearch:
    """Train a run from its own start at every rate of `RATES`, for its `trainer.max_steps`.

    Args:
        overrides: of the run, as `scripts/train.py` takes them; `optimizer.lr` is left aside.

    Raises:
        InputError: the overrides cannot be used, or the run cannot be a member of a stack.
    """
    own = [text for text in overrides if not text.startswith("optimizer.lr=")]
    trained = members([[*own, f"optimizer.lr={rate!r}"] for rate in RATES])
    first = trained[0]
    at_start, start = stability(first.module, first.data), _loss(first)
    try:
        stack = fit_stack(trained).module.stack
    except CannotRecord as why:
        raise _alone(str(why)) from why
    losses = [math.nan if diverged else _loss(member) for member, diverged in zip(trained, stack.diverged, strict=True)]
    return RateSearch(RATES, losses, start, first.num_steps, at_start)


def _loss(member: Member) -> float:
    x, y = member.data.stages()["train"]
    with torch.no_grad():
        return float(member.module.metrics(x, y)["loss"])


def _alone(reason: str) -> InputError:
    return InputError(
        f"expected a run that can be a member of a stack, got one that cannot ({reason}); sweep its rates instead: "
        "scripts/train.py -m … optimizer.lr=0.001,0.01,0.1"
    )
