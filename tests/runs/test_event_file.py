"""Event files written in bulk, read back by TensorBoard."""

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from descentlab.runs import event_file
from descentlab.runs.event_file import BulkSummaryWriter
from descentlab.runs.loggers import tensorboard


def read(folder):
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0})
    events.Reload()
    return events


def test_tensorboard_reads_scalars_and_histograms_back(tmp_path):
    writer = BulkSummaryWriter(log_dir=str(tmp_path))
    for step in range(3):
        writer.add_scalar("train/loss", 0.5 * step, step)
        writer.add_histogram("weights", np.arange(100.0), step, bins=64)
    writer.close()
    events = read(tmp_path)
    assert [(event.step, event.value) for event in events.Scalars("train/loss")] == [(0, 0.0), (1, 0.5), (2, 1.0)]
    assert events.Histograms("weights")[2].histogram_value.sum == 4950


def test_the_metrics_of_a_step_are_one_event_that_reads_as_many(tmp_path):
    logger = tensorboard(tmp_path)
    logger.log_metrics({"train/loss": 1.0, "val/loss": 2.0}, 7)
    logger.finalize("success")
    events = read(tmp_path / "tensorboard")
    assert [events.Scalars(tag)[0].value for tag in ("train/loss", "val/loss")] == [1.0, 2.0]
    assert events.Scalars("val/loss")[0].step == 7


def test_events_wait_until_they_are_asked_for(tmp_path):
    writer = BulkSummaryWriter(log_dir=str(tmp_path))
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    writer.add_scalar("a", 1.0, 0)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) == size
    writer.flush()
    assert len(read(tmp_path).Scalars("a")) == 1
    writer.close()


def test_events_do_not_wait_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(event_file, "SECONDS", -1.0)
    writer = BulkSummaryWriter(log_dir=str(tmp_path))
    writer.add_scalar("a", 1.0, 0)
    assert len(read(tmp_path).Scalars("a")) == 1
    writer.close()


def test_a_second_writer_has_a_file_of_its_own(tmp_path):
    for value in (1.0, 2.0):
        writer = BulkSummaryWriter(log_dir=str(tmp_path))
        writer.add_scalar("a", value, int(value))
        writer.close()
    assert len(list(tmp_path.iterdir())) == 2
    assert [event.value for event in read(tmp_path).Scalars("a")] == [1.0, 2.0]


def test_a_group_of_scalars_goes_to_its_folders(tmp_path):
    logger = tensorboard(tmp_path)
    logger.log_metrics({"both": {"a": 1.0, "b": 2.0}}, 0)
    logger.finalize("success")
    assert (tmp_path / "tensorboard" / "both_a").is_dir()


def test_a_later_file_is_read_after_an_earlier_one_whatever_process_and_second_it_is_of(tmp_path, monkeypatch):
    for pid, step in ((999_999, 0), (1, 1), (500, 2)):
        monkeypatch.setattr("os.getpid", lambda pid=pid: pid)
        writer = BulkSummaryWriter(log_dir=str(tmp_path))
        writer.add_scalar("a", 0.0, step)
        writer.close()
    assert [event.step for event in read(tmp_path).Scalars("a")] == [0, 1, 2]
