"""Say how much of the code the suite reaches, and fail below 95 % of lines or 90 % of branches.

The argument is the JSON report of coverage.
"""

import json
import sys
from pathlib import Path

EXPECTED = {"lines": 95.0, "branches": 90.0}
"""Percent."""


def covered(report: Path) -> dict[str, float]:
    """The percentage of lines and that of branches that were reached."""
    totals = json.loads(report.read_text(encoding="utf-8"))["totals"]
    return {
        "lines": 100 * totals["covered_lines"] / totals["num_statements"],
        "branches": 100 * totals["covered_branches"] / totals["num_branches"],
    }


if __name__ == "__main__":
    found = covered(Path(sys.argv[1]))
    for name, percent in found.items():
        print(f"{name:<8} {percent:5.1f} %, expected {EXPECTED[name]:g} % or more")
    sys.exit(any(percent < EXPECTED[name] for name, percent in found.items()))
