"""The run of all members, as TensorBoard reads it."""

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

from descentlab.reports.histories import read_histories
from descentlab.reports.tensorboard.bands import SHARES, TAG, add_bands
from descentlab.reports.tensorboard.summary_run import write_summary_run
from descentlab.runs.event_file import BulkSummaryWriter
from descentlab.sweeps.ledger import read_jobs
from descentlab.sweeps.outcomes import outcomes_in


@pytest.fixture
def accumulate():
    def read(folder):
        events = EventAccumulator(str(folder), size_guidance={"histograms": 0, "scalars": 0, "tensors": 0})
        events.Reload()
        return events

    return read


def test_a_sweep_leaves_the_bands_of_its_losses(kink_sweep, accumulate):
    events = accumulate(kink_sweep / "summary")
    histories = read_histories([kink_sweep / str(k) for k in range(12)], ["completed"] * 12, 10_000)
    at = dict(zip(histories.steps.tolist(), histories.losses.T, strict=True))
    for name, share in SHARES.items():
        scalars = events.Scalars(f"{TAG}/{name}")
        assert (scalars[0].step, scalars[-1].step) == (0, 300)
        for scalar in scalars:
            expected = np.quantile(at[scalar.step].astype(np.float64), share, method="inverted_cdf")
            assert scalar.value == expected


def test_the_charts_name_tags_that_are_there(kink_sweep, accumulate):
    events = accumulate(kink_sweep / "summary")
    layout = Layout.FromString(events.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0])
    series = [chart.margin.series[0] for category in layout.category for chart in category.chart]
    tags = {tag for each in series for tag in (each.value, each.lower, each.upper)}
    assert tags == set(events.Tags()["scalars"])


def test_a_histogram_holds_each_parameter_of_all_members_that_did_not_diverge(cubic_sweep, accumulate, tmp_path):
    statuses = ["diverged" if k % 2 else "completed" for k in range(24)]
    board = BulkSummaryWriter(tmp_path / "bands")
    add_bands(board, read_histories([cubic_sweep / str(k) for k in range(24)], statuses, 40), statuses)
    board.close()
    events = accumulate(tmp_path / "bands")
    assert list(events.Tags()["histograms"]) == [f"members/w{k}" for k in range(4)]
    first = events.Histograms("members/w1")[0]
    histories = read_histories([cubic_sweep / str(k) for k in range(24)], statuses)
    starts = histories.parameters[::2, 0, 1].astype(np.float64)
    assert (first.step, first.histogram_value.num) == (0, 12)
    assert first.histogram_value.sum == pytest.approx(starts.sum(), rel=1e-6)


def test_a_second_writing_replaces_the_first(kink_sweep):
    write_summary_run(outcomes_in(kink_sweep, read_jobs(kink_sweep)), kink_sweep)
    assert len(list((kink_sweep / "summary").iterdir())) == 1


def test_a_sweep_without_folders_leaves_the_same_bands_and_histograms(swept, accumulate):
    sweep = ("experiment=cubic_stability", "optimizer.lr=0.02,0.1,0.3", "seed=range(0,8)")
    ours, theirs = (accumulate(swept(*sweep, *more) / "summary") for more in (["sweep.folders=0"], []))
    assert list(ours.Tags()["histograms"]) == [f"members/w{k}" for k in range(4)]
    for tag in ours.Tags()["histograms"]:
        shown, expected = ([(e.step, e.histogram_value) for e in each.Histograms(tag)] for each in (ours, theirs))
        assert shown == expected
    for tag in ours.Tags()["scalars"]:
        assert [e.value for e in ours.Scalars(tag)] == [e.value for e in theirs.Scalars(tag)]


def test_without_a_history_no_band_is_written(accumulate, tmp_path):
    board = BulkSummaryWriter(tmp_path)
    add_bands(board, read_histories([tmp_path / "gone"], ["failed"]), ["failed"])
    board.close()
    assert not accumulate(tmp_path).Tags()["scalars"]
