"""`csv/metrics.csv`: the logged scalars, a row a look."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from descentlab.runs.files import write_whole


class MetricsFile:
    """Takes rows, and writes them all as a whole when it is asked to; does what Lightning's writer does.

    Args:
        folder: of `metrics.csv`; made if it is not there.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / "metrics.csv"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.metrics: list[dict[str, Any]] = []

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Add a row."""
        self.metrics.append({**metrics, "step": len(self.metrics) if step is None else step})

    def save(self) -> None:
        """Write all rows, their columns in the order of the alphabet."""
        if not self.metrics:
            return
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, sorted(set().union(*self.metrics)), restval="")
        writer.writeheader()
        writer.writerows(self.metrics)
        write_whole(self.path, text.getvalue())

    def rewind(self, num_rows: int) -> None:
        """Go on after the first rows of the file."""
        self.metrics = []
        if num_rows:
            with open(self.path, newline="", encoding="utf-8") as file:
                self.metrics = list(csv.DictReader(file))[:num_rows]
