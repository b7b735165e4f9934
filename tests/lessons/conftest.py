"""Sweeps of the lessons, as a user types them."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

Rows = list[dict[str, str]]

TABLES_ALONE = ("logger=none", "callbacks=none", "sweep.folders=0", "hydra.launcher.workers=1")


@pytest.fixture(scope="session")
def tables(swept: Callable[..., Path]) -> Callable[..., tuple[Rows, Rows]]:
    """The rows of sweep.csv and of summary.csv that `train.py -m experiment=<name>` leaves."""

    def read(*overrides: str) -> tuple[Rows, Rows]:
        folder = swept(*overrides, *TABLES_ALONE)
        return rows_of(folder / "sweep.csv"), rows_of(folder / "summary.csv")

    return read


def rows_of(path: Path) -> Rows:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))
