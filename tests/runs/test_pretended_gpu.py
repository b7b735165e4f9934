"""A whole run on a device of its own memory is the run on the CPU: nothing of it lies in two places."""

import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy

from descentlab.runs.train import train
from pretend_device import pretending

RUNS: dict[str, tuple[str, list[str]]] = {
    "two relu units": ("graph", ["model=relu_net"]),
    "cubic in standard units": ("graph", ["experiment=cubic"]),
    "sum of squares": ("graph", ["experiment=americano"]),
    "wide net": ("graph", ["experiment=kink_wide"]),
    "another loss": ("graph", ["model=linear", "loss=huber", "history.every=3"]),
    "adam on minibatches": ("graph", ["model=linear", "optimizer=adam", "data.batch_size=7"]),
    "steps of Lightning's own": ("lightning", ["model=relu_net", "trainer.engine=lightning"]),
    "an optimiser without a rule": ("eager", ["model=relu_net", "optimizer=lbfgs"]),
}


@pytest.mark.parametrize(("engine", "overrides"), RUNS.values(), ids=RUNS)
def test_a_run_on_a_device_is_that_on_the_cpu(engine, overrides, trained, tmp_path, monkeypatch):
    overrides = [*overrides, "trainer.max_steps=40"]
    cpu = trained(*overrides)
    with pretending() as device:
        monkeypatch.setattr(SingleDeviceStrategy, "root_device", property(lambda _: device))
        train(cpu.settings, tmp_path)
    there = type(cpu)(cpu.settings, tmp_path)
    assert there.result["engine"] == engine
    for name in cpu.rows[0]:
        torch.testing.assert_close(there.column(name), cpu.column(name), rtol=1e-4, atol=1e-5, equal_nan=True)
