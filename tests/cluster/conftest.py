"""Sweeps on clusters that run on this machine."""

import csv
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).with_name("slurm.sh")
TRAIN = """
import importlib.util
if importlib.util.find_spec("submitit"):
    from descentlab.sweeps import submitted
    submitted._LOOK_EVERY, submitted._RESULT_LATE = 0.2, 1.0  # nobody else is served, on one disk
from descentlab.commands.train import main
main()
"""
SLURM = ("slurmctld", "slurmd", "sbatch", "srun")

STACKS = ["model=relu_net", "seed=range(0,120)", "sweep.members=20", "history.every=100", "logger=none"]
"""Two pieces of three stacks each."""


class Sweep:
    """A multirun of `STACKS` in a process of its own.

    Args:
        folder: of the sweep.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *arguments: str) -> None:
        command = [sys.executable, "-c", TRAIN, "-m", *STACKS, *arguments]
        folder = [] if any(text.startswith("resume=") for text in arguments) else [f"hydra.sweep.dir={self.folder}"]
        self.process = subprocess.Popen(
            [*command, *folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder.parent
        )

    def end(self, code: int = 0) -> str:
        """Wait for the end; returns what was said on the way."""
        out, err = self.process.communicate(timeout=200)
        assert self.process.returncode == code, out + err
        return err

    def statuses(self) -> list[str]:
        """Of all jobs, from `sweep.csv`."""
        with open(self.folder / "sweep.csv", newline="") as file:
            return [row["status"] for row in csv.DictReader(file)]

    def trained(self) -> list[int]:
        """The numbers of the members of all stacks; one that was trained twice is there twice."""
        return sorted(number for path in self.stacks() for number in np.load(path)["job"].tolist())

    def stacks(self) -> list[Path]:
        return sorted((self.folder / "stacks").glob("*.npz"))

    def checkpoints(self) -> list[Path]:
        """Of the stacks that have begun and not ended."""
        return sorted((self.folder / "stacks").glob("*.ckpt"))

    def history(self, job: int) -> bytes:
        return (self.folder / str(job) / "history.csv").read_bytes()


@pytest.fixture
def sweep(tmp_path: Path) -> Iterator[Sweep]:
    """A sweep that is to be started, in an empty folder."""
    sweep = Sweep(tmp_path / "sweep")
    yield sweep
    sweep.process.kill()
    sweep.process.communicate()


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """SLURM with two nodes, which its commands find by SLURM_CONF."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    missing = [name for name in SLURM if shutil.which(name, path=path) is None]
    if missing:
        pytest.skip(f"{missing[0]} is missing: apt-get install --no-install-recommends slurmctld slurmd slurm-client")
    folder = tmp_path_factory.mktemp("slurm")
    subprocess.run([SCRIPT, "start", folder], check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        yield
        subprocess.run([SCRIPT, "stop", folder], check=True)


@pytest.fixture
def wait_for() -> Callable[[Callable[[], object]], None]:
    """Waits until something is true, three minutes at most."""

    def wait(what: Callable[[], object]) -> None:
        patience = time.monotonic() + 180
        while not what():
            assert time.monotonic() < patience, "it did not happen in time"
            time.sleep(0.1)

    return wait
