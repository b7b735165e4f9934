"""A TensorBoard event file that is written in bulk.

TensorBoard's own writer hands every event to a thread, which takes the interpreter's lock for each, and
for half a millisecond over the checksum of a histogram.
"""

import os
import socket
import struct
import time
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event, SourceMetadata
from torch.utils.tensorboard import FileWriter, SummaryWriter

from descentlab.runs.crc32c import masked_crc32c
from descentlab.runs.files import writing

SECONDS = 10.0
"""The least time between two writings, but for those that are asked for."""

_PREFIX = "events.out.tfevents."

_numbers = count()


class EventFile:
    """Appends events to a new file in a folder; does what TensorBoard's `EventFileWriter` does.

    Args:
        folder: made if it is not there.
        suffix: the end of the file's name, by which it is known from others.
    """

    def __init__(self, folder: str | Path, suffix: str = "") -> None:
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{_PREFIX}{_next_second(self._folder):010d}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
        self.path = self._folder / f"{name}{suffix}"
        self._file = open(self.path, "wb", buffering=0)  # noqa: SIM115  closed by close
        self._size = 0
        self._waiting: list[bytes] = []
        self._flushed = time.monotonic()
        source = SourceMetadata(writer="descentlab.runs.event_file")
        self.add_event(Event(wall_time=time.time(), file_version="brain.Event:2", source_metadata=source))
        self.flush()

    def get_logdir(self) -> str:
        """The folder."""
        return str(self._folder)

    def add_event(self, event: Event) -> None:
        """Add an event; once the last writing is `SECONDS` ago, all that wait are written."""
        self._waiting.append(event.SerializeToString())
        if time.monotonic() - self._flushed > SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the events that wait.

        Raises:
            WriteError: the disk does not take them; the file ends as before.
        """
        rest = memoryview(b"".join(map(_record, self._waiting)))
        with writing(self.path):
            try:
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError:
                self._file.truncate(self._size)
                raise
        self._size = self._file.tell()
        self._waiting.clear()
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Write the events that wait, and close the file."""
        if not self._file.closed:
            try:
                self.flush()
            finally:
                self._file.close()


class BulkFileWriter(FileWriter):
    """A `FileWriter` of an `EventFile`."""

    def __init__(self, folder: str | Path, suffix: str = "") -> None:
        self.event_writer = EventFile(folder, suffix)


class BulkSummaryWriter(SummaryWriter):
    """A `SummaryWriter` of an `EventFile`."""

    file_writer: Any  # torch writes None in __init__, and a FileWriter here
    all_writers: Any

    def _get_file_writer(self) -> FileWriter:
        if self.all_writers is None or self.file_writer is None:
            self.file_writer = BulkFileWriter(self.log_dir, self.filename_suffix)
            self.all_writers = {self.log_dir: self.file_writer}
        writer: FileWriter = self.file_writer
        return writer


def _next_second(folder: Path) -> int:
    """The time, or a second after the latest file, for TensorBoard reads files in the order of their names."""
    seconds = [path.name.removeprefix(_PREFIX).partition(".")[0] for path in folder.glob(f"{_PREFIX}*")]
    return max([int(time.time()), *(int(text) + 1 for text in seconds if text.isdigit())])


def _record(data: bytes) -> bytes:
    """The framing of TensorFlow's record files: length, its checksum, the data, their checksum."""
    return _header(len(data)) + data + struct.pack("<I", masked_crc32c(data))


@lru_cache
def _header(length: int) -> bytes:
    packed = struct.pack("<Q", length)
    return packed + struct.pack("<I", masked_crc32c(packed))
