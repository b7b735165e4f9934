"""All jobs of a sweep for TensorBoard's HParams, as little as it needs of each.

HParams knows a job by its run, that is a folder with an event file, so there is one for each job. It holds one
event: of the settings those that the sweep varies, and the final metrics. The description of the columns,
which TensorBoard's own writer adds to each, is left out: TensorBoard puts it together from the runs.
"""

import time
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

from descentlab.reports.study import Job, Study
from descentlab.runs.event_file import EventFile

_SUCCESS, _FAILURE = 1, 2
"""STATUS_SUCCESS and STATUS_FAILURE of TensorBoard's hparams/api.proto."""


def write_sessions(study: Study, logdir: Path) -> None:
    """Write a run for each job into `logdir`, named by the job's label.

    Of more than 40 runs TensorBoard shows none until they are picked, in all tabs but this one, so they belong
    in a folder of their own, which is opened for HParams alone.

    Args:
        study: whose varied settings and final metrics are written.
        logdir: made if it is not there; `tensorboard --logdir` is to be given it.
    """
    for job in study.jobs:
        file = EventFile(logdir / job.label)
        file.add_event(_event(job, study.varied, _FAILURE if study.has_failed(job) else _SUCCESS))
        file.close()


def _event(job: Job, varied: list[str], status: int) -> Event:
    now = time.time()
    start = SessionStartInfo(start_time_secs=now)
    for key in varied:
        _set(start.hparams[key], job.values.get(key))
    values = [Summary.Value(tag=f"final/{name}", simple_value=value) for name, value in job.metrics.items()]
    for tag, content in (
        (metadata.SESSION_START_INFO_TAG, HParamsPluginData(version=0, session_start_info=start)),
        (
            metadata.SESSION_END_INFO_TAG,
            HParamsPluginData(version=0, session_end_info=SessionEndInfo(status=status, end_time_secs=now)),
        ),
    ):
        plugin = SummaryMetadata.PluginData(plugin_name=metadata.PLUGIN_NAME, content=content.SerializeToString())
        values.append(Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin)))
    return Event(wall_time=now, step=job.num_steps or 0, summary=Summary(value=values))


def _set(field: Any, value: Any) -> None:
    """Set a protobuf value; a setting that a job has not stays unset."""
    if isinstance(value, bool):
        field.bool_value = value
    elif isinstance(value, int | float):
        field.number_value = value
    elif value is not None:
        field.string_value = str(value)
