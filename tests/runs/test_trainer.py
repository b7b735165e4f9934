"""What is Lightning's to say of a machine is not said where nobody can act on it."""

import pytest
from lightning.pytorch.accelerators import CUDAAccelerator

from descentlab.runs.train import train
from descentlab.settings.compose import compose
from descentlab.sweeps.fit import fit_stack
from descentlab.sweeps.members import members

SHORT = ["model=linear", "trainer.max_steps=2"]


@pytest.fixture(autouse=True)
def a_gpu(monkeypatch):
    """Lightning finds a GPU that nobody asks for."""
    monkeypatch.setattr(CUDAAccelerator, "is_available", staticmethod(lambda: True))


def test_a_run_on_the_cpu_is_not_told_of_the_gpu(tmp_path):
    assert train(compose(SHORT), tmp_path).num_steps == 2


def test_a_stack_on_the_cpu_is_not_told_of_the_gpu():
    assert fit_stack(members([[*SHORT, f"seed={seed}"] for seed in range(2)])).module.stack.steps.tolist() == [2, 2]
