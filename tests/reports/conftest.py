"""Runs as the pictures see them, and two sweeps; each is made once."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from descentlab.reports.subject import Subject

TWO_UNITS = ("experiment=kink_two_relu", "trainer.max_steps=200")
WIDE = ("experiment=kink_wide", "trainer.max_steps=30", "model.hidden_width=20")


@pytest.fixture(scope="session")
def drawn(trained: Callable) -> Callable[..., Subject]:
    """The subject of a run of what the overrides compose."""
    return lambda *overrides: Subject.of_run(trained(*overrides).folder)


@pytest.fixture(scope="session")
def two_units(drawn: Callable[..., Subject]) -> Subject:
    return drawn(*TWO_UNITS)


@pytest.fixture(scope="session")
def wide(drawn: Callable[..., Subject]) -> Subject:
    return drawn(*WIDE)


@pytest.fixture(scope="session")
def line(drawn: Callable[..., Subject]) -> Subject:
    return drawn("experiment=americano")


@pytest.fixture(scope="session")
def kink_sweep_to_read(swept: Callable[..., Path]) -> Path:
    """Two widths and six starts of lesson 4g; no test writes into its folder."""
    return swept(
        "experiment=kink_two_relu_starts", "model.hidden_width=1,2", "model.seed=range(0,6)", "trainer.max_steps=300"
    )


@pytest.fixture
def kink_sweep(kink_sweep_to_read: Path, tmp_path: Path) -> Path:
    """The same in a folder of this test's own."""
    return Path(shutil.copytree(kink_sweep_to_read, tmp_path / "kink"))


@pytest.fixture
def cubic_sweep(swept: Callable[..., Path], tmp_path: Path) -> Path:
    """Lesson 4b at three learning rates over eight draws."""
    folder = swept("experiment=cubic_stability", "optimizer.lr=0.02,0.1,0.3", "seed=range(0,8)")
    return Path(shutil.copytree(folder, tmp_path / "cubic"))
