"""The run of all members, as TensorBoard reads it."""

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

from descentlab.reports.histories import read_histories
from descentlab.reports.tensorboard.bands import SHARES, TAG, write_bands


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
    write_bands(tmp_path / "bands", [cubic_sweep / str(k) for k in range(24)], statuses)
    events = accumulate(tmp_path / "bands")
    assert list(events.Tags()["histograms"]) == [f"members/w{k}" for k in range(4)]
    first = events.Histograms("members/w1")[0]
    histories = read_histories([cubic_sweep / str(k) for k in range(24)], statuses)
    starts = histories.parameters[::2, 0, 1].astype(np.float64)
    assert (first.step, first.histogram_value.num) == (0, 12)
    assert first.histogram_value.sum == pytest.approx(starts.sum(), rel=1e-6)


def test_a_second_writing_replaces_the_first(kink_sweep):
    write_bands(kink_sweep / "summary", [kink_sweep / "0", kink_sweep / "1"], ["completed"] * 2)
    assert len(list((kink_sweep / "summary").iterdir())) == 1


def test_without_a_history_nothing_is_written(tmp_path):
    write_bands(tmp_path / "summary", [tmp_path / "0"], ["failed"])
    assert list(tmp_path.iterdir()) == []
