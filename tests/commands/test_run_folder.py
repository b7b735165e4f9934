"""`run=` names a folder in the same way for every command that takes it."""

import shutil

import pytest

TAKING_RUN = {
    "evaluate": (),
    "predict": ("x=1",),
    "stability": (),
    "export": ("to=model.pt2",),
    "figures": ("only=fit",),
    "diagram": (),
    "report": (),
    "train": (),
}


@pytest.fixture
def sweep(typed, tmp_path, monkeypatch):
    """A sweep that left no folders of its jobs."""
    monkeypatch.setattr("descentlab.commands.resume.draw_in_background", lambda folder: None)
    answer = typed(
        *("train", "-m", "model=relu_net", "seed=1,2", "trainer.max_steps=3", "logger=none"),
        *("sweep.folders=0", "sweep.events=0", "hydra.sweep.dir=sweep"),
    )
    assert answer.code == 0, answer.err
    return tmp_path / "sweep"


def test_a_job_of_a_sweep_that_left_no_folders_is_a_run_to_every_command(typed, sweep):
    for command, more in TAKING_RUN.items():
        shutil.rmtree(sweep / "1", ignore_errors=True)  # the best and the worst have one
        answer = typed(command, "run=sweep/1", *more)
        assert (answer.code, answer.err) == (0, ""), command
        assert (sweep / "1" / "result.json").is_file()


def test_what_is_printed_is_what_the_folder_had_led_to(typed, sweep):
    shutil.rmtree(sweep / "1", ignore_errors=True)
    first = typed("predict", "run=sweep/1", "x=1")
    assert typed("predict", "run=sweep/1", "x=1") == first


def test_a_job_that_the_sweep_has_not_is_answered_in_one_line(typed, sweep):
    for command, more in TAKING_RUN.items():
        answer = typed(command, "run=sweep/7", *more)
        assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1), command
        assert answer.err.startswith("error: run: expected a job from 0 to 1 of sweep, got 7."), command


def test_a_sweep_given_as_a_run_is_answered_with_what_to_type(typed, sweep):
    for command, more in TAKING_RUN.items():
        answer = typed(command, "run=sweep", *more)
        assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1), command
        assert answer.err.startswith("error: run: sweep is a sweep's; type "), command
        assert "sweep=sweep" in answer.err or "resume=sweep" in answer.err, command
