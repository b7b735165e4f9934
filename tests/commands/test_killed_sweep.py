"""A sweep that is killed in the midst of training or writing, and goes on, ends as one that was not."""

import random
from pathlib import Path

from descentlab.runs.soak import differences, forked

SWEEP = (
    *(
        "-m",
        "model=relu_net",
        "seed=1,2,3,4",
        "trainer.engine=auto,lightning",
        "trainer.max_steps=30",
        "sweep.members=2",
    ),
    *("logger=none", "figures=false", "callbacks.checkpoint.every=10", "callbacks.checkpoint.seconds=0"),
    "hydra.launcher.workers=1",
)
"""Two stacks of two, and four jobs that run alone, all in the process that is killed."""


def test_a_sweep_killed_at_random_points_ends_bit_for_bit_as_one_that_was_not(typed, tmp_path):
    def start(folder: Path) -> None:
        assert typed("train", *SWEEP, f"hydra.sweep.dir={folder}").code == 0

    def go_on(folder: Path) -> None:
        assert typed("train", *SWEEP, f"resume={folder}").code == 0

    whole, timed = tmp_path / "whole", tmp_path / "timed"
    start(whole)
    changes = forked(lambda: start(timed), timed).changes
    assert changes > 100
    for point in random.Random(0).sample(range(10, changes + 1), 4):
        killed = tmp_path / f"killed at {point}"
        assert forked(lambda folder=killed: start(folder), killed, kill_at=point).killed
        forked(lambda folder=killed: go_on(folder), killed)
        for job in range(8):
            assert differences(whole / str(job), killed / str(job)) == [], (point, job)
        for table in ("sweep.csv", "summary.csv"):
            assert (killed / table).read_bytes() == (whole / table).read_bytes(), point
        assert [path for path in killed.rglob("*") if path.name.endswith((".tmp", ".lock"))] == [], point
