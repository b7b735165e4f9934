"""Whoever wants to look at a run is met at exactly the steps that it names."""

import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from descentlab.callbacks.steps import StepCallback

LINE = ("model=linear", "logger=none", "callbacks=none")


class Recorder(StepCallback):
    """Notes when it looks, and what it sees there."""

    def __init__(self, every: int | None) -> None:
        super().__init__(every)
        self.seen: dict[int, list[float]] = {}
        self.num_looks = 0

    @property
    def state_key(self) -> str:
        return f"Recorder {id(self)}"  # Lightning wants one for each of several of a kind

    def look(self, trainer, module, step) -> None:
        self.num_looks += 1
        self.seen[step] = list(module.coefficients().values())


def expected_steps(every: int | None, max_steps: int) -> list[int]:
    return sorted({0, max_steps, *range(0, max_steps + 1, every or max_steps + 1)})


@pytest.mark.parametrize("engine", ["auto", "eager", "lightning"])
@given(
    every=st.lists(st.one_of(st.none(), st.integers(1, 12)), min_size=1, max_size=3),
    max_steps=st.integers(0, 25),
    batch_size=st.sampled_from(["null", "30"]),
)
@settings(max_examples=8)
def test_every_event_is_met_once_at_its_step_with_the_state_of_that_step(
    train_with, engine, every, max_steps, batch_size
):
    recorders = [Recorder(steps) for steps in every]
    overrides = (f"trainer.engine={engine}", f"trainer.max_steps={max_steps}", f"data.batch_size={batch_size}")
    with tempfile.TemporaryDirectory() as folder:
        run = train_with(Path(folder), recorders, *LINE, *overrides)
        rows = run.coefficients()
    for recorder in recorders:
        assert list(recorder.seen) == expected_steps(recorder.every, max_steps)
        assert recorder.num_looks == len(recorder.seen)
        for step, values in recorder.seen.items():
            assert torch.equal(torch.tensor(values), rows[step])


@pytest.mark.parametrize(("step", "following"), [(0, 7), (6, 7), (7, 14), (13, 14)])
def test_the_next_look_is_the_next_multiple(step, following):
    assert Recorder(7).next_step(step) == following


def test_without_a_period_only_the_start_and_the_end_are_seen(train_with, tmp_path):
    recorder = Recorder(None)
    train_with(tmp_path, [recorder], *LINE, "trainer.max_steps=9")
    assert list(recorder.seen) == [0, 9]
