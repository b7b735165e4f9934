"""The figures as text and as JSON."""

import json

from descentlab.benchmarks.ratio import Figures
from descentlab.benchmarks.table import table, to_json

STEP = Figures("step, 1-2-1", "step", ours=20e-6, peer=200e-6, ratio=0.1, goal=0.2)
PROCESS = Figures("whole process", "process", ours=3.0, peer=2.0, ratio=1.5, goal=1.25)


def test_steps_are_shown_in_microseconds_and_processes_in_seconds():
    lines = table([STEP, PROCESS]).splitlines()
    assert lines[0].split() == ["case", "ours", "peer", "ratio", "goal"]
    assert lines[1].split() == ["step,", "1-2-1", "20", "us", "200", "us", "0.100", "0.2"]
    assert lines[2].split() == ["whole", "process", "3", "s", "2", "s", "1.500", "*", "1.25"]


def test_the_columns_stand_below_each_other():
    header, *rows = table([STEP, PROCESS]).splitlines()
    assert [row[header.index("peer") - 1] for row in rows] == [" ", " "]
    assert [row[header.index("peer")] for row in rows] == ["2", "2"]


def test_the_json_holds_seconds_and_whether_the_goal_was_reached():
    values = json.loads(to_json([STEP, PROCESS]))
    assert [case["reached"] for case in values["cases"]] == [True, False]
    assert values["cases"][0]["ours"] == 20e-6
    assert values["cores"] >= 1
