"""benchmark.py: which cases it measures, and where the figures go."""

import json
from pathlib import Path

import pytest

from descentlab.benchmarks.ratio import Case


@pytest.fixture(autouse=True)
def known_cases(monkeypatch):
    """Two cases whose times are known."""
    cases = [
        Case("quick", 0.5, "step", lambda: 1e-6, lambda: 4e-6),
        Case("slow", 0.5, "process", lambda: 3.0, lambda: 2.0),
    ]
    monkeypatch.setattr("descentlab.benchmarks.cases.all_cases", lambda: cases)


def test_every_case_has_its_row_and_the_figures_are_kept(typed):
    answer = typed("benchmark")
    assert answer.code == 0
    assert answer.err.splitlines() == ["quick …", "slow …"]
    rows = [line.split() for line in answer.out.splitlines()[1:]]
    assert rows == [["quick", "1", "us", "4", "us", "0.250", "0.5"], ["slow", "3", "s", "2", "s", "1.500", "*", "0.5"]]
    kept = json.loads(Path("outputs/benchmark.json").read_text())["cases"]
    assert [(case["name"], case["ratio"], case["reached"]) for case in kept] == [
        ("quick", 0.25, True),
        ("slow", 1.5, False),
    ]


def test_one_case_is_measured_alone_and_kept_elsewhere(typed):
    answer = typed("benchmark", "only=quick", "out=mine/figures.json")
    assert answer.err == "quick …\n"
    assert [case["name"] for case in json.loads(Path("mine/figures.json").read_text())["cases"]] == ["quick"]
    assert not Path("outputs").exists()
