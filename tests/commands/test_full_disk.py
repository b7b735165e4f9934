"""A disk that takes no more of a sweep: one line that says how to go on, and the sweep goes on when there is room."""

import errno
import os
from pathlib import Path

import pytest
from hydra.core import utils

SWEEP = ["-m", "model=linear", "seed=1,2,3", "trainer.max_steps=5", "figures=false"]
WAY_ON = "What was written before is whole: make room, and go on with python scripts/train.py -m … resume=s.\n"


def filled(function, has_room):
    """The function, which finds no room for what it is called with unless `has_room` says so."""

    def call(*args, **options):
        if not has_room(*map(str, args)):
            raise OSError(errno.ENOSPC, "No space left on device")
        return function(*args, **options)

    return call


def goes_on(typed, *launcher):
    assert typed("train", *SWEEP, "resume=s", *launcher).code == 0
    return len(list(Path("s").glob("[0-9]/result.json")))


def test_a_disk_that_takes_not_all_folders_of_a_stack_is_one_line(typed, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", filled(Path.write_bytes, lambda path, _: ".1/" not in path))
        answer = typed("train", *SWEEP, "hydra.sweep.dir=s")
    assert (answer.code, answer.err) == (
        4,
        f"error: {tmp_path}/s/1 cannot be written (No space left on device). {WAY_ON}",
    )
    assert sorted(path.name for path in Path("s").iterdir() if path.is_dir()) == ["0", "stacks"]
    assert goes_on(typed) == 3


def test_a_disk_that_does_not_take_a_job_that_runs_alone_is_one_line(typed, monkeypatch):
    alone = ["trainer.engine=eager", "hydra.launcher.workers=1"]
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", filled(os.replace, lambda _, path: not path.endswith("1/history.csv")))
        answer = typed("train", *SWEEP, *alone, "hydra.sweep.dir=s")
    assert answer.code == 4
    assert answer.err.splitlines()[1:] == answer.err.splitlines()[-1:]
    assert answer.err.endswith(f"s/1/history.csv cannot be written (No space left on device). {WAY_ON}")
    assert goes_on(typed, *alone) == 3


def test_a_disk_that_does_not_take_what_hydra_writes_of_a_job_is_one_line(typed, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(utils, "_save_config", filled(utils._save_config, lambda _, name, folder: "/1/" not in folder))
        answer = typed("train", *SWEEP, "hydra.sweep.dir=s", "hydra/launcher=basic")
    assert (answer.code, answer.err) == (4, f"error: s cannot be written (No space left on device). {WAY_ON}")
    assert goes_on(typed, "hydra/launcher=basic") == 3


def test_a_disk_that_does_not_take_the_table_of_a_sweep_is_one_line(typed, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", filled(os.replace, lambda _, path: not path.endswith("sweep.csv")))
        answer = typed("train", *SWEEP, "hydra.sweep.dir=s")
    assert answer.code == 4
    assert answer.err.startswith(f"error: {tmp_path}/s/sweep.csv cannot be written")
    assert answer.err.endswith(f"resume={tmp_path}/s.\n")
    assert answer.err.count("\n") == 1
    assert goes_on(typed) == 3


def test_a_disk_that_does_not_take_the_jobs_of_a_sweep_is_left_without_its_folder(typed, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", filled(os.replace, lambda _, path: not path.endswith("jobs.json")))
        answer = typed("train", *SWEEP, "hydra.sweep.dir=s")
    assert answer.code == 4
    assert answer.err.endswith("make room, and type the same again.\n")
    assert not Path("s").exists()


@pytest.mark.parametrize("launcher", ["stacked", "basic"])
def test_a_fault_of_another_kind_is_not_laid_to_the_disk(typed, monkeypatch, launcher):
    def broken(*args, **options):
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr("descentlab.sweeps.plan.OmegaConf.save", broken)
    with pytest.raises(OSError, match="Bad file descriptor"):
        typed("train", *SWEEP, "hydra.sweep.dir=s", f"hydra/launcher={launcher}")


JUDGING = {
    "export": ["export", "run=r", "to=model.pt2"],
    "figures": ["figures", "run=r", "only=fit"],
    "diagram": ["diagram", "run=r"],
    "figures elsewhere": ["figures", "run=r", "only=fit", "out=pictures"],
}


@pytest.mark.parametrize("words", JUDGING.values(), ids=JUDGING)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_does_not_take_what_a_command_draws_or_exports_is_one_line(typed, monkeypatch, words, number):
    def fail(*args):
        raise OSError(number, os.strerror(number))

    assert typed("train", "model=linear", "trainer.max_steps=5", "figures=false", "hydra.run.dir=r").code == 0
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        answer = typed(*words)
    assert (answer.code, answer.err.count("\n")) == (4, 1)
    assert f"cannot be written ({os.strerror(number)})." in answer.err
    assert answer.err.endswith("make room, and type the same again.\n")
    assert not [*Path().rglob(".*.*"), *Path().rglob("*.png"), *Path().rglob("*.pt2")]
    assert typed(*words).code == 0
