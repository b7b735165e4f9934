"""All jobs of a sweep in one value, and what HParams is told of them."""

import pytest
from tensorboard.data.provider import ScalarDatum, ScalarTimeSeries, TensorTimeSeries
from tensorboard.plugins.hparams import metadata

from descentlab.reports.tensorboard.hparams_plugin import WithJobs
from descentlab.reports.tensorboard.sessions import TAG, Session, pack, unpack

SESSIONS = [
    Session(0, {"model": "Linear", "optimizer.lr": 0.1, "model.bias": True}, {"train/loss": 0.5}, 100, failed=False),
    Session(
        1, {"model": "Linear", "optimizer.lr": 0.2, "model.bias": True}, {"train/loss": float("inf")}, 7, failed=True
    ),
]


def series(kind, content=b""):
    return kind(max_step=0, max_wall_time=0.0, plugin_content=content, description="", display_name="")


class Provider:
    """TensorBoard's own, of a log directory with the summary of a sweep and a run with an event a step."""

    def __init__(self, **runs):
        self.runs = {
            "kink/summary": {TAG: series(TensorTimeSeries, pack(SESSIONS).metadata.plugin_data.content)},
            **runs,
        }

    def list_tensors(self, ctx=None, *, experiment_id, plugin_name, run_tag_filter=None):
        return self.runs if plugin_name == metadata.PLUGIN_NAME else {}

    def list_scalars(self, ctx=None, *, experiment_id, plugin_name, run_tag_filter=None):
        return {"alone": {tag: series(ScalarTimeSeries) for tag in ("train/loss", "final/train/loss")}}

    def read_last_scalars(self, ctx=None, *, experiment_id, plugin_name, run_tag_filter=None):
        return {"alone": {"final/train/loss": ScalarDatum(step=3, wall_time=1.0, value=2.0)}}


def test_what_is_packed_is_unpacked():
    assert list(unpack(pack(SESSIONS).metadata.plugin_data.content)) == SESSIONS


@pytest.mark.parametrize("content", [b"", b"{}", b"\x78\x9c"])
def test_what_is_not_packed_is_refused(content):
    with pytest.raises(ValueError, match="no sessions"):
        list(unpack(content))


def test_each_job_is_a_session_with_its_settings_and_how_it_ended():
    found = WithJobs(Provider()).list_tensors(experiment_id="", plugin_name="hparams")
    for session in SESSIONS:
        tags = found[f"kink/{session.job}"]
        content = tags[metadata.SESSION_START_INFO_TAG].plugin_content
        settings = metadata.parse_session_start_info_plugin_data(content).hparams
        assert settings["optimizer.lr"].number_value == session.settings["optimizer.lr"]
        assert settings["model"].string_value == "Linear"
        assert settings["model.bias"].number_value == 1
        end = metadata.parse_session_end_info_plugin_data(tags[metadata.SESSION_END_INFO_TAG].plugin_content)
        assert end.status == (2 if session.failed else 1)


def test_each_job_has_its_final_metrics():
    board = WithJobs(Provider())
    last = board.read_last_scalars(experiment_id="", plugin_name="scalars")
    for session in SESSIONS:
        datum = last[f"kink/{session.job}"]["final/train/loss"]
        assert (datum.step, datum.value) == (session.num_steps, session.metrics["train/loss"])
    assert set(last) == {"alone", "kink/0", "kink/1"}


def test_the_columns_are_the_final_metrics_of_all():
    found = WithJobs(Provider()).list_scalars(experiment_id="", plugin_name="scalars")
    assert set(found) == {"kink/0", "kink/1", "alone"}
    assert {tag for tags in found.values() for tag in tags} == {"final/train/loss"}


def test_a_job_that_is_a_run_of_its_own_is_not_shown_twice():
    own = {metadata.SESSION_START_INFO_TAG: series(TensorTimeSeries), metadata.EXPERIMENT_TAG: series(TensorTimeSeries)}
    found = WithJobs(Provider(**{"kink/1/tensorboard": own})).list_tensors(experiment_id="", plugin_name="hparams")
    assert set(found) == {"kink/summary", "kink/0", "kink/1/tensorboard"}
    assert list(found["kink/1/tensorboard"]) == [metadata.SESSION_START_INFO_TAG]


def test_in_the_log_directory_of_one_sweep_jobs_are_named_by_their_numbers():
    provider = Provider()
    provider.runs = {"summary": provider.runs["kink/summary"]}
    assert {"0", "1"} < set(WithJobs(provider).list_tensors(experiment_id="", plugin_name="hparams"))


def test_other_plugins_are_told_what_they_would_be_told():
    board = WithJobs(Provider())
    assert board.list_tensors(experiment_id="", plugin_name="text") == {}
    assert board.runs == Provider().runs
