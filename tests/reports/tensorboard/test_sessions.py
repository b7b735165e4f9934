"""A sweep's jobs for HParams, as TensorBoard's plugin reads them."""

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from descentlab.reports.study import read_study
from descentlab.reports.tensorboard.sessions import write_sessions


def test_every_job_is_a_session_with_its_varied_settings_and_its_final_metrics(kink_sweep, tmp_path):
    study = read_study([kink_sweep], [])
    write_sessions(study, tmp_path / "hparams")
    assert {folder.name for folder in (tmp_path / "hparams").iterdir()} == {job.label for job in study.jobs}
    for job in study.jobs[::5]:
        events = EventAccumulator(str(tmp_path / "hparams" / job.label))
        events.Reload()
        content = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
        start = metadata.parse_session_start_info_plugin_data(content)
        settings = {name: value.number_value for name, value in start.hparams.items()}
        assert settings == {key: job.values[key] for key in ("model.seed", "model.hidden_width")}
        for name, value in job.metrics.items():
            assert [(s.step, s.value) for s in events.Scalars(f"final/{name}")] == [(300, value)]


def test_a_session_tells_whether_its_job_has_failed(kink_sweep, tmp_path):
    study = read_study([kink_sweep], [])
    write_sessions(study, tmp_path / "hparams")
    for job in study.jobs:
        events = EventAccumulator(str(tmp_path / "hparams" / job.label))
        events.Reload()
        content = events.SummaryMetadata(metadata.SESSION_END_INFO_TAG).plugin_data.content
        end = metadata.parse_session_end_info_plugin_data(content)
        assert end.status == (2 if study.has_failed(job) else 1)
