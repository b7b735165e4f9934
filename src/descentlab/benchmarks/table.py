"""The benchmark's figures as a table and as JSON."""

import json
import os
import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from typing import Any

from descentlab.benchmarks.ratio import Figures

_UNITS = {"step": (1e6, "us"), "process": (1.0, "s"), "memory": (2.0**-30, "GiB")}
COLUMNS = ("case", "ours", "peer", "ratio", "goal")


def row(result: Figures) -> tuple[str, ...]:
    """The cells of one case; a ratio above its goal is marked with an asterisk."""
    scale, unit = _UNITS[result.unit]
    return (
        result.name,
        f"{result.ours * scale:.4g} {unit}",
        f"{result.peer * scale:.4g} {unit}",
        f"{result.ratio:.3f}{'' if result.reached else ' *'}",
        "" if result.goal is None else f"{result.goal:g}",
    )


def table(results: Sequence[Figures]) -> str:
    """All cases in columns of text."""
    rows = [COLUMNS, *map(row, results)]
    widths = [max(len(cells[k]) for cells in rows) for k in range(len(COLUMNS))]
    return "\n".join("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in rows)


def to_json(results: Sequence[Figures]) -> str:
    """The figures in seconds, with the date, the cores and the versions that they hold for."""
    values: dict[str, Any] = {
        "date": date.today().isoformat(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "lightning": version("lightning"),
        "cases": [{**vars(result), "reached": result.reached} for result in results],
    }
    return json.dumps(values, indent=2) + "\n"
