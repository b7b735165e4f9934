"""Which curves are drawn, at which steps, and what is said of them."""

import math
from pathlib import Path

import numpy as np
import pytest
from made_up import job, study

from descentlab.reports.histories import Histories, read_histories
from descentlab.reports.html.loss_curves import loss_curves


def curves(jobs, losses, most=math.inf):
    """The section of jobs whose losses are known at every step."""
    values = np.array(losses, dtype=np.float32)
    steps = np.arange(values.shape[1])
    histories = Histories(steps, values, np.empty((*values.shape, 0), np.float32), [], len(steps))
    return loss_curves(study(jobs), histories, range(len(jobs)), most)


def lone_run(folder: Path, rows: list[str]) -> list:
    """A job whose folder has a history of these rows."""
    (folder / "history.csv").write_text("\n".join(["step,train/loss,val/loss", *rows]) + "\n")
    return [job(str(folder), 0.1)]


def test_without_a_step_nothing_is_drawn():
    assert curves([job("0", 1.0), job("1", 2.0)], [[1.0], [2.0]]) is None


def test_a_lone_run_is_drawn_at_every_step():
    section = curves([job("0", 1.0)], [[1.0 + k % 2 for k in range(5001)]])
    (trace,) = section.panels[0].data
    assert trace["x"] == list(range(5001))
    assert section.note == "The training loss at every recorded step."


def test_of_many_steps_the_note_says_how_many_are_drawn(tmp_path):
    run = lone_run(tmp_path, [f"{step},1.0," for step in range(5001)])
    histories = read_histories([tmp_path], ["completed"], 64)
    section = loss_curves(study(run), histories, [0], math.inf)
    count = len(section.panels[0].data[0]["x"])
    assert section.note == (
        f"The training loss. {count} of 5001 recorded steps are drawn, "
        "in pairs of neighbours that lie closer at the start."
    )


def test_a_lone_run_has_its_validation_loss_beside_it(tmp_path):
    run = lone_run(tmp_path, ["0,4.0,8.0", "1,2.0,", "2,1.0,0.5", "3,inf,inf"])
    section = loss_curves(study(run), read_histories([tmp_path], ["completed"]), [0], math.inf)
    traces = {trace["name"]: trace for trace in section.panels[0].data}
    assert (traces["training"]["x"], traces["training"]["y"][:3]) == ([0, 1, 2, 3], [4.0, 2.0, 1.0])
    assert (traces["validation"]["x"], traces["validation"]["y"]) == ([0, 2], [8.0, 0.5])
    low, high = section.panels[0].layout["yaxis"]["range"]
    assert low < math.log10(0.5) < math.log10(8.0) < high
    assert section.note == "The training and the validation loss at every recorded step."


def test_where_all_jobs_of_a_panel_diverged_it_says_so():
    jobs = [
        job(f"{rate}/{seed}", 1.0, status, **{"optimizer.lr": rate, "seed": seed})
        for rate, status in ((0.1, "completed"), (9.0, "diverged"))
        for seed in range(2)
    ]
    losses = [[1.0, 0.5, 0.2]] * 2 + [[1.0, 1e20, math.inf]] * 2
    calm, wild = curves(jobs, losses, most=100.0).panels
    assert "annotations" not in calm.layout
    assert [note["text"] for note in wild.layout["annotations"]] == ["all diverged within 10 updates"]


@pytest.mark.parametrize(("count", "text"), [(1, "(1 job)"), (2, "(2 jobs)")])
def test_a_title_counts_the_jobs_of_its_panel(count, text):
    jobs = [job(str(k), 1.0, lr=1, seed=k) for k in range(count)] + [job(f"b{k}", 1.0, lr=2, seed=k) for k in range(3)]
    assert curves(jobs, [[1.0, 0.5]] * len(jobs)).panels[0].title.endswith(text)
