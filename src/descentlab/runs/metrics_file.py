"""`csv/metrics.csv`: the logged scalars, a row a look."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from descentlab.errors import InputError
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

    def first_rows(self, num_rows: int) -> list[dict[str, Any]]:
        """The first rows of the file; none where there is no file.

        Raises:
            InputError: the file has fewer.
        """
        if not num_rows or not self.path.is_file():
            return []
        whole_lines = self.path.read_bytes().rpartition(b"\n")[0].decode(errors="replace")
        rows = list(csv.DictReader(io.StringIO(whole_lines, newline="")))[:num_rows]
        if len(rows) < num_rows:
            raise InputError(
                f"{self.path}: expected the {num_rows} rows that were logged up to the last checkpoint, but it is "
                f"damaged and has {len(rows)}; take it away, and it begins anew."
            )
        return rows

    def rewind(self, num_rows: int) -> None:
        """Go on after the first rows of the file."""
        self.metrics = self.first_rows(num_rows)
