"""The learning rates of jobs over their stability limits, against what became of the jobs."""

import math

import pytest
from made_up import job, study

from descentlab.reports.html.stability import stability

NARROW = [0.20, 0.21, 0.22, 0.23, 0.24]


def heights(jobs):
    """The heights of the points by job, and those of the axis' ends."""
    section = stability(study(jobs), dict.fromkeys(range(len(jobs)), 1.0), range(len(jobs)))
    (panel,) = section.panels
    points = {k: y for trace in panel.data for k, y in zip(trace["customdata"], trace["y"], strict=True)}
    return [points[k] for k in range(len(jobs))], [10**end for end in panel.layout["yaxis"]["range"]]


def note(jobs):
    return stability(study(jobs), dict.fromkeys(range(len(jobs)), 1.0), range(len(jobs))).note


@pytest.mark.parametrize("losses", [NARROW, [1e-9, 1.0, 1e20]], ids=["narrow", "wide"])
def test_the_losses_of_completed_jobs_stand_at_their_height(losses):
    assert heights([job(str(k), loss) for k, loss in enumerate(losses)])[0] == losses


@pytest.mark.parametrize("loss", [math.inf, math.nan, 0.22, 3e37])
def test_a_job_that_diverged_stands_at_the_upper_edge_above_all_others(loss):
    jobs = [*(job(str(k), each) for k, each in enumerate(NARROW)), job("5", loss, "diverged")]
    (*others, diverged), (_, top) = heights(jobs)
    assert others == NARROW
    assert max(NARROW) < diverged < top
    assert "Points at the upper edge diverged or broke down." in note(jobs)


def test_a_loss_of_zero_stands_at_the_lower_edge_and_the_note_says_so():
    jobs = [job(str(k), loss) for k, loss in enumerate([0.0, *NARROW])]
    (zero, *others), (bottom, _) = heights(jobs)
    assert others == NARROW
    assert bottom < zero < min(NARROW)
    assert "Points at the lower edge have a loss of 0." in note(jobs)


def test_the_note_speaks_of_no_edge_where_no_point_stands():
    assert "edge" not in note([job(str(k), loss) for k, loss in enumerate(NARROW)])
