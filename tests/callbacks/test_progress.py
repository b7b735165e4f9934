"""One progress bar, where somebody is there to see it."""

import re
import sys

import pytest

from descentlab.settings.compose import compose
from descentlab.sweeps.compose import Job
from descentlab.sweeps.fit import fit_stack
from descentlab.sweeps.members import members
from descentlab.sweeps.pieces import Piece, run_piece
from descentlab.sweeps.stack import train_stack

LONG = ("model=linear", "logger=none", "trainer.max_steps=3000", "callbacks.checkpoint.every=500")


class Terminal:
    """A stderr that says it is a terminal, and keeps what is written."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


def test_a_run_of_a_moment_shows_no_bar(train_with, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    train_with(tmp_path, [], "model=linear", "logger=none", "trainer.max_steps=3")
    assert "steps" not in screen.text


def slow_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal from here on, and a clock on which a second passes between two looks."""
    clock = {"now": 0.0}

    def a_second_later() -> float:
        clock["now"] += 1.0
        return clock["now"]

    monkeypatch.setattr("tqdm.std.time", a_second_later)
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    return screen


def test_a_long_run_shows_its_steps_its_rate_and_its_loss(train_with, tmp_path, monkeypatch):
    screen = slow_terminal(monkeypatch)
    train_with(tmp_path, [], *LONG)
    assert "/3.00k" in screen.text
    assert "steps" in screen.text
    assert "loss " in screen.text


def test_a_stack_shows_the_median_loss_of_its_members(monkeypatch):
    screen = slow_terminal(monkeypatch)
    jobs = [[*LONG[:1], f"seed={seed}", "trainer.max_steps=99"] for seed in (1, 2, 3)]
    fitted = fit_stack(members(jobs), show_progress=True, validation_every=10)
    shown = re.findall(r"median loss ([\d.e+-]+)", screen.text)
    assert shown[-1] == f"{float(fitted.history.losses()[:, 98].median()):.4g}"


def test_a_stack_shows_nothing_unasked(monkeypatch):
    screen = slow_terminal(monkeypatch)
    fit_stack(members([[*LONG[:1], f"seed={seed}", "trainer.max_steps=99"] for seed in (1, 2)]))
    assert screen.text == ""


@pytest.mark.parametrize(("callbacks", "is_shown"), [("callbacks=default", True), ("~callbacks.progress", False)])
def test_a_stack_of_jobs_shows_what_its_jobs_would(callbacks, is_shown, tmp_path, monkeypatch):
    screen = slow_terminal(monkeypatch)
    jobs = []
    for seed in (1, 2):
        overrides = [*LONG[:2], f"seed={seed}", "trainer.max_steps=99", callbacks]
        jobs.append(Job(seed, overrides, compose(overrides)))
    train_stack(jobs, members([job.overrides for job in jobs]), tmp_path, leaves_folders=False)
    assert ("median loss" in screen.text) == is_shown


@pytest.mark.parametrize(("callbacks", "is_shown"), [("callbacks=default", True), ("~callbacks.progress", False)])
def test_jobs_that_run_alone_are_counted(callbacks, is_shown, tmp_path, monkeypatch):
    screen = slow_terminal(monkeypatch)
    jobs = []
    for seed in range(3):
        overrides = [*LONG[:2], f"seed={seed}", "trainer.max_steps=2", "callbacks.checkpoint.every=2", callbacks]
        jobs.append(Job(seed, overrides, compose(overrides)))
    run_piece(Piece(jobs, "a reason", tmp_path, leaves_folders=True, num_workers=1))
    assert bool(re.search(r" 3/3 \[.* jobs", screen.text)) == is_shown


def test_nothing_is_shown_where_stderr_is_no_terminal(train_with, tmp_path, capfd):
    train_with(tmp_path, [], *LONG)
    assert "steps" not in capfd.readouterr().err
