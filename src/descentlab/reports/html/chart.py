"""What a section of the report is made of: panels, each a Plotly figure as plain values.

Colours are written as names (`@blue`, `@blue/0.3` with an opacity, `@scale/0.5` on the sequential scale); the
page puts in the values of the light or the dark theme.
"""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from descentlab.reports.names import shortened

_MOST_LETTERS = 18
_CAP = 1e39  # above every finite loss of a history, which is single precision

OUTCOMES = (("did not fail", "@blue", False), ("failed", "@orange", True))
"""How jobs are told apart in every picture of single ones: name, colour, and whether they count as failed."""


@dataclass(frozen=True)
class Panel:
    """One figure.

    Attributes:
        data: traces; one whose points are jobs has their indices as `customdata`.
        layout: what differs from the page's own.
        title: above it, plain text.
        height: in pixels.
        curves: the jobs whose loss curves are drawn into it when they are selected.
    """

    data: list[dict[str, Any]]
    layout: dict[str, Any]
    title: str = ""
    height: int = 320
    curves: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Section:
    """A heading, a sentence, and panels.

    Attributes:
        key: the anchor.
        title: the heading.
        note: what is shown, in a sentence or two; plain text.
        panels: in their order.
        columns: most panels beside each other.
        shares_axes: whether zooming one panel zooms all.
    """

    key: str
    title: str
    note: str
    panels: list[Panel]
    columns: int = 2
    shares_axes: bool = False


def label(text: object) -> str:
    """Text as Plotly is to show it: Plotly reads tags in it."""
    return html.escape(str(text), quote=False)


def number(value: Any) -> str:
    """A number in at most four digits; text as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "none" if value is None else str(value)
    return f"{value:.4g}" if math.isfinite(value) else "not finite"


def percent(rate: float) -> str:
    """A rate in percent, with a decimal where it has one, and a space that does not break."""
    return f"{100 * rate:.1f}\u00a0%" if rate not in (0, 1) else f"{100 * rate:.0f}\u00a0%"


def positive(values: Sequence[float]) -> list[float | None]:
    """Values for a logarithmic axis: those that have no place there are None, the infinite ones far above."""
    return [None if math.isnan(v) or v <= 0 else float(f"{min(v, _CAP):.5g}") for v in values]


def log_axis(title: str, values: Sequence[float], most: float = math.inf) -> dict[str, Any]:
    """A logarithmic axis over the positive ones of the values, up to `most`."""
    known = [value for value in values if value > 0 and math.isfinite(value)]
    low, high = (max(min(known), 1e-16), min(max(known), most)) if known else (0.1, 1.0)
    low, high = min(low, high), max(low, high)
    margin = max(0.05 * math.log10(high / low), 0.05)
    return {
        "type": "log",
        "title": {"text": label(title)},
        "range": [math.log10(low) - margin, math.log10(high) + margin],
        "tickformat": "~g",  # else Plotly writes digits alone between the powers of ten
        "nticks": 4,
    }


def edges(axis: Mapping[str, Any]) -> tuple[float, float]:
    """The lowest and the highest value of a logarithmic axis at which points are seen whole, beyond all others."""
    low, high = axis["range"]
    margin = 0.02 * (high - low)
    return 10 ** (low + margin), 10 ** (high - margin)


def rate_axis(title: str, values: Sequence[float]) -> dict[str, Any]:
    """An axis over learning rates or the like: logarithmic where they span much, all of them in sight."""
    axis: dict[str, Any] = {"title": {"text": label(title)}, "type": "linear"}
    if is_spread(values):
        axis |= {"type": "log", "dtick": "D2" if max(values) / min(values) < 300 else 1, "tickformat": "~g"}
    return axis


def category_axis(title: str, values: Sequence[Any]) -> dict[str, Any]:
    """An axis over values as they come; those with long names are named by both their ends."""
    names = [number(value) for value in values]
    return {
        "title": {"text": label(title)},
        "type": "category",
        "tickvals": [label(name) for name in names],
        "ticktext": [label(shortened(name, _MOST_LETTERS)) for name in names],
    }


def is_spread(values: Sequence[Any]) -> bool:
    """Whether numbers span so much that a logarithmic axis shows them better."""
    numeric = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numeric) == len(values) and len(values) > 1 and min(values) > 0 and max(values) / min(values) > 30
