"""All jobs of a sweep for TensorBoard's HParams as one value of one event file.

HParams knows a job by its run, a folder with an event file. A thousand of them would leave TensorBoard's other
tabs empty, which show no run of more than 40 until it is picked. So the jobs are written together, into the run
that stands for all, and `hparams_plugin` hands them to HParams one by one.
"""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

from descentlab.settings.flat import common

TAG = "descentlab/jobs"
"""Of the value."""

FINAL = "final/"
"""How the tags of final metrics begin, of lone runs too."""

_SUCCESS, _FAILURE = 1, 2
"""STATUS_SUCCESS and STATUS_FAILURE of TensorBoard's hparams/api.proto."""


@dataclass(frozen=True)
class Session:
    """One job as HParams shows it.

    Attributes:
        job: its number.
        settings: plain values by their keys.
        metrics: the final ones.
        num_steps: gradient updates made.
        failed: whether it counts as failed.
    """

    job: int
    settings: Mapping[str, bool | int | float | str]
    metrics: Mapping[str, float]
    num_steps: int
    failed: bool

    @cached_property
    def tags(self) -> dict[str, bytes]:
        """What TensorBoard would find in a run of this job: the content of HParams' two tags."""
        start = SessionStartInfo()
        for key, value in self.settings.items():
            _set(start.hparams[key], value)
        end = SessionEndInfo(status=_FAILURE if self.failed else _SUCCESS)
        return {
            metadata.SESSION_START_INFO_TAG: _content(HParamsPluginData(version=0, session_start_info=start)),
            metadata.SESSION_END_INFO_TAG: _content(HParamsPluginData(version=0, session_end_info=end)),
        }


def pack(sessions: Sequence[Session]) -> Summary.Value:
    """The value that holds them all; what the settings have in common is in it once."""
    shared = common([session.settings for session in sessions])
    rows = [
        {**vars(each), "settings": {key: value for key, value in each.settings.items() if key not in shared}}
        for each in sessions
    ]
    content = zlib.compress(json.dumps({"common": shared, "jobs": rows}).encode())
    plugin = SummaryMetadata.PluginData(plugin_name=metadata.PLUGIN_NAME, content=content)
    return Summary.Value(tag=TAG, metadata=SummaryMetadata(plugin_data=plugin))


def unpack(content: bytes) -> Iterator[Session]:
    """The sessions in the content of such a value.

    Raises:
        ValueError, KeyError, TypeError: it is of something else.
    """
    try:
        known = json.loads(zlib.decompress(content))
    except zlib.error as error:
        raise ValueError(f"no sessions: {error}") from error
    for row in known["jobs"]:
        yield Session(**{**row, "settings": {**known["common"], **row["settings"]}})


def _content(data: Any) -> bytes:
    content: bytes = data.SerializeToString()
    return content


def _set(field: Any, value: bool | int | float | str) -> None:
    """Set a protobuf value; a bool as the number that torch's own writer makes of it."""
    if isinstance(value, str):
        field.string_value = value
    else:
        field.number_value = value
