"""Schedules that cannot be stepped as often as a run asks for are refused before it begins."""

import shutil

import pytest

from descentlab.errors import InputError
from descentlab.runs.assemble import assemble
from descentlab.runs.resume import resume
from descentlab.settings.compose import compose, read_settings
from descentlab.settings.extend import extended

ONE_CYCLE = ("scheduler._target_=torch.optim.lr_scheduler.OneCycleLR", "+scheduler.max_lr=0.1")


def test_a_schedule_shorter_than_the_run_is_refused():
    with pytest.raises(
        InputError, match=r"scheduler: expected a schedule of trainer\.max_steps=10 .* OneCycleLR .*Tried"
    ):
        assemble(compose(["model=linear", *ONE_CYCLE, "+scheduler.total_steps=5", "trainer.max_steps=10"]))


def test_a_schedule_as_long_as_the_run_is_taken(trained):
    run = trained("model=linear", *ONE_CYCLE, "+scheduler.total_steps=10", "trainer.max_steps=10", "logger=none")
    assert run.result["status"] == "completed"


def test_a_schedule_of_no_steps_is_refused_when_its_run_is_to_go_on(trained, tmp_path):
    run = trained("model=linear", "scheduler=cosine", "trainer.max_steps=0", "logger=none")
    folder = shutil.copytree(run.folder, tmp_path / "run")
    settings = extended(read_settings(folder / "config.yaml"), ["trainer.max_steps=10"])
    with pytest.raises(InputError, match=r"scheduler: expected a schedule .* CosineAnnealingLR cannot make them with"):
        resume(settings, folder)
    assert (folder / "result.json").read_bytes() == (run.folder / "result.json").read_bytes()
