"""A disk that takes no more: the run stops, and what it wrote before is whole."""

import errno
import resource

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from descentlab.errors import WriteError
from descentlab.runs.event_file import BulkSummaryWriter
from descentlab.runs.files import LAST_CHECKPOINT
from descentlab.runs.judge import evaluate
from descentlab.runs.load import read_checkpoint
from descentlab.runs.resume import resume
from descentlab.runs.soak import differences, forked
from descentlab.runs.train import train
from descentlab.settings.compose import compose, read_settings

OFTEN = ("callbacks.checkpoint.every=100", "callbacks.checkpoint.seconds=0")
RUN = (
    "model=linear",
    "trainer.max_steps=900",
    *OFTEN,
    "callbacks.checkpoint.seconds=0",
    "logger.every=100",
)
LIMIT = 16_000
"""Bytes a file may have: fewer than the last checkpoint with 900 rows of history, more than that with 100."""


def stop_at(limit: int, work) -> None:
    """Do the work where no file may be larger than `limit`, and expect it to say so."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
    with pytest.raises(WriteError) as failure:
        work()
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # for what measures the coverage of this process
    assert failure.value.errno == errno.EFBIG
    assert failure.value.filename


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """The folder of a run whose checkpoint became larger than the limit."""
    folder = tmp_path_factory.mktemp("full")
    forked(lambda: stop_at(LIMIT, lambda: train(compose(RUN), folder)), folder)
    return folder


def test_the_last_good_checkpoint_loads_and_can_be_judged(full):
    assert 0 < read_checkpoint(full / LAST_CHECKPOINT)["global_step"] < 900
    assert evaluate(full)["train"]["loss"] > 0


def test_what_was_recorded_so_far_can_be_read(full):
    state = read_checkpoint(full / LAST_CHECKPOINT)
    assert state["callbacks"]["History"]["steps"].tolist() == [*range(state["global_step"])]
    board = EventAccumulator(str(full / "tensorboard")).Reload()
    logged = [event.step for event in board.Scalars("train/loss")]
    assert logged == [*range(0, logged[-1] + 1, 100)]
    assert logged[-1] >= state["global_step"]


def test_nothing_is_left_half_written(full):
    assert not [path for path in full.rglob(".*") if path.name.endswith((".tmp", ".lock"))]
    assert not (full / "result.json").exists() or "failed" in (full / "result.json").read_text()


def test_the_run_goes_on_when_there_is_room_again(full, trained):
    result, _ = resume(read_settings(full / "config.yaml"), full)
    assert result.num_steps == 900
    assert differences(trained(*RUN).folder, full) == []


def test_an_event_file_without_room_ends_with_its_last_whole_event(tmp_path):
    def write() -> None:
        writer = BulkSummaryWriter(log_dir=str(tmp_path))
        for step in range(1000):
            writer.add_scalar("a", float(step), step)
            writer.flush()

    forked(lambda: stop_at(1000, write), tmp_path)
    steps = [event.step for event in EventAccumulator(str(tmp_path)).Reload().Scalars("a")]
    assert steps == [*range(len(steps))]
    assert 10 < len(steps) < 100
