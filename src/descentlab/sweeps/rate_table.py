"""The losses of many learning rates for the terminal: the table of `find_rate.py`."""

import math

from descentlab.sweeps.rates import RateSearch

_WIDTH = 40
"""Characters of the longest bar."""


def rate_table(found: RateSearch) -> str:
    """A row a learning rate with the loss it ends with and a bar of its logarithm, the limit, and a rate to begin with.

    Args:
        found: the losses by rate.
    """
    shown = [loss for loss in found.losses if loss < found.start]
    span = (math.log(min(shown)), math.log(found.start)) if shown and min(shown) > 0 else None
    rows = [f"{'optimizer.lr':>12}  {'train/loss':<12}  after {found.num_steps} steps, from {found.start:.6g}"]
    for rate, loss in zip(found.rates, found.losses, strict=True):
        mark = "<" if rate == found.best else ""
        rows.append(f"{rate:>12.3g}  {_ended(loss):<12}  {_bar(loss, span)}{mark}".rstrip())
    limit = found.stability.limit
    if limit is not None and math.isfinite(limit):
        where = "" if found.stability.everywhere else " at the start"
        rows.append(f"{'limit':>12}  {limit:<12.6g}  from here gradient descent does not converge{where}")
    if found.best is None:
        rows.append(f"{'try':>12}  none of these rates ends below the start")
    else:
        rows.append(f"{'try':>12}  optimizer.lr={found.best:.2g}{_caution(found.best, found)}")
    return "\n".join(rows)


def _caution(rate: float, found: RateSearch) -> str:
    """Why a rate is recommended that lies above the limit; nothing for one below."""
    limit = found.stability.limit
    if limit is None or not rate >= limit:
        return ""
    if found.stability.everywhere:
        return "  above the limit: with more steps this rate diverges"
    return "  above the limit, which holds at the start alone: this rate leaps away from there and ends lowest"


def _ended(loss: float) -> str:
    return "diverged" if math.isnan(loss) else f"{loss:.6g}"


def _bar(loss: float, span: tuple[float, float] | None) -> str:
    """As many characters as the logarithm of a loss lies above the lowest one, `_WIDTH` at the start."""
    if span is None or not 0 < loss < math.inf:
        return ""
    lowest, start = span
    share = (math.log(loss) - lowest) / (start - lowest)
    return "#" * round(_WIDTH * min(max(share, 0.0), 1.0))
