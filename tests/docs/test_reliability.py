"""The table of docs/reliability.md names tests that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8").splitlines()
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in LINES if line.startswith("| ")][1:]


def test_the_table_has_a_fault_a_promise_and_a_test_in_every_row():
    assert len(ROWS) >= 30
    assert [row for row in ROWS if len(row) != 3 or not all(row)] == []


@pytest.mark.parametrize(("fault", "shown_by"), [(row[0], row[2]) for row in ROWS], ids=lambda text: text[:40])
def test_what_shows_a_promise_is_there(fault, shown_by):
    named = re.findall(r"`([^`]+)`", shown_by)
    assert named, fault
    for name in named:
        command = name.split()
        if command[0] == "make":
            assert f"\n{command[1]}:" in (ROOT / "Makefile").read_text(encoding="utf-8")
            continue
        path = ROOT / next(word for word in command if "/" in word)
        assert path.is_file(), name
        if path.name.startswith("test_"):
            assert re.search(r"^(async )?def test_", path.read_text(encoding="utf-8"), re.MULTILINE), name
