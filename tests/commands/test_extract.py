"""`extract.py` makes the folder that the sweep would have left, to the last byte."""

import shutil

import pytest
import torch

SWEEP = ("-m", "model=linear", "optimizer=sgd,adam", "name='a b',c", "seed=1,2", "trainer.max_steps=3", "logger=none")


def contents(folder):
    """The bytes of every file below; of a checkpoint what it holds, for the name of its archive is in it."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): repr(torch.load(path)) if path.suffix == ".ckpt" else path.read_bytes()
        for path in files
    }


@pytest.fixture
def extracted(typed, tmp_path):
    """A sweep, and the folders of its jobs made anew from the records of its stacks."""
    assert typed("train", *SWEEP, "hydra.sweep.dir=sweep").code == 0
    left = tmp_path / "left"
    left.mkdir()
    for number in range(8):
        shutil.move(tmp_path / "sweep" / str(number), left)
    torch.set_num_threads(2)  # as in a command of its own
    answer = typed("extract", "sweep=sweep", f"job={list(range(8))}".replace(" ", ""))
    torch.set_num_threads(1)
    assert answer.code == 0, answer.err
    return left, tmp_path / "sweep"


def test_a_folder_made_later_is_the_one_that_the_sweep_left(extracted):
    left, made = extracted
    for number in range(8):
        before = contents(left / str(number))
        assert {"result.json", ".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml"} < before.keys()
        assert contents(made / str(number)) == before
