"""Which runs are bit for bit the same: what is promised, and what is not."""

import os
import subprocess
import sys

import pytest
import torch

from descentlab.nets.relu_net import ReLUNet
from descentlab.runs.train import train
from descentlab.settings.compose import compose

RUN = ("model=polynomial", "optimizer=adam", "data.batch_size=30", "trainer.max_steps=200")


@pytest.fixture(scope="module")
def run(trained):
    return trained(*RUN)


def test_the_threads_of_a_run_are_stated(run):
    assert run.result["threads"] == 1


def test_a_run_sets_its_number_of_threads_itself(run, trained):
    torch.set_num_threads(2)
    again = trained(*RUN, "figures=false")  # another run, for the fixture
    assert again.result["threads"] == 1
    assert (again.folder / "history.csv").read_bytes() == (run.folder / "history.csv").read_bytes()


@pytest.mark.parametrize("engine", ["auto", "lightning"])
def test_a_net_that_draws_draws_the_same_in_the_same_run(tmp_path, monkeypatch, engine):
    """Torch seeds its global generator anew in every process."""
    forward = ReLUNet.forward
    monkeypatch.setattr(ReLUNet, "forward", lambda net, x: torch.dropout(forward(net, x), 0.5, train=net.training))
    settings = compose(["model=relu_net", f"trainer.engine={engine}", "trainer.max_steps=20", "logger=none"])
    histories = []
    for name in ("first", "second"):
        torch.seed()
        before = torch.get_rng_state()
        (tmp_path / name).mkdir()
        train(settings, tmp_path / name)
        assert torch.equal(torch.get_rng_state(), before)
        histories.append((tmp_path / name / "history.csv").read_text())
    assert histories[0] == histories[1]
    assert len({line.split(",")[1] for line in histories[0].splitlines()}) > 20


def other_process(folder, **environment: str):
    """The history that the command leaves from a process with other variables."""
    script = "from descentlab.commands.train import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, *RUN, "figures=false", "hydra.run.dir=run"],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "run" / "history.csv"


def test_the_same_command_leaves_the_same_bits_in_any_process_of_this_machine(run, tmp_path):
    history = other_process(tmp_path, OMP_NUM_THREADS="2", PYTHONHASHSEED="7", LC_ALL="C")
    assert history.read_bytes() == (run.folder / "history.csv").read_bytes()


def test_another_machine_is_promised_the_same_numbers_and_not_the_same_bits(run, tmp_path):
    """Kernels follow the instruction set of the processor; here torch is held to the plainest."""
    history = other_process(tmp_path, ATEN_CPU_CAPABILITY="default")
    rows = [line.split(",") for line in history.read_text().splitlines()]
    column = rows[0].index("train/loss")
    losses = torch.tensor([float(row[column]) for row in rows[1:]])
    torch.testing.assert_close(losses, run.column("train/loss"), rtol=1e-4, atol=1e-7)
