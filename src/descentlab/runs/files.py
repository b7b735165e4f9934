"""Files that are written whole or not at all."""

import errno
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from textwrap import indent
from typing import Any

import orjson
import yaml

from descentlab.errors import InputError, WriteError

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

TABLE = "data.csv"
"""The copy of a run's own table in its folder."""

LAST_CHECKPOINT = "checkpoints/last.ckpt"
"""What a run goes on from, in its folder."""

STACKS = "stacks"
"""Of a sweep's folder: what its stacks leave, on the way and at their ends."""

UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
"""Errors of writing that no other path on the same disk would be spared."""


def file_of(folder: Path, name: str) -> Path:
    """The path of a file in a run's folder, which may come from a stranger.

    Raises:
        InputError: a link leads out of the folder.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{path}: expected a file inside the run's folder, but a link leads to {path.resolve()}.")
    return path


def write_whole(path: Path, content: str | bytes | memoryview) -> None:
    """Write a file under a temporary name, flush it to the disk, and give it its name.

    Raises:
        WriteError: the disk does not take it; what was at `path` before is still there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    data = content.encode() if isinstance(content, str) else content
    with writing(path):
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the file in the error of an operation that cannot write it."""
    try:
        yield
    except WriteError:  # which names a file of its own
        raise
    except OSError as error:
        raise WriteError(error.errno, error.strerror or str(error), str(path)) from error


def remove_temporaries(folder: Path, below: bool = True) -> None:
    """Remove what a process left in a folder, or also below it, that was killed while it wrote whole files there."""
    for temporary in folder.rglob(".*.tmp") if below else folder.glob(".*.tmp"):
        temporary.unlink(missing_ok=True)


def config_text(settings: Mapping[str, Any]) -> str:
    """Plain settings as YAML, in their order: the text of `config.yaml`."""
    return "".join(_group_text(key, value) for key, value in settings.items())


def _group_text(key: str, value: Any) -> str:
    if not isinstance(value, Mapping) or not value:
        return _setting_text(key, value, "")
    head = _setting_text(key, None, "").removesuffix(" null\n")
    return "".join([f"{head}\n", *(_setting_text(k, v, "  ") for k, v in value.items())])


def _setting_text(key: str, value: Any, margin: str) -> str:
    if type(value) is int:  # such as a seed, of which each job has its own
        return _entry_text(orjson.dumps({key: 0}), margin).removesuffix("0\n") + f"{value}\n"
    return _entry_text(orjson.dumps({key: value}), margin)


@lru_cache(maxsize=1024)
def _entry_text(entry: bytes, margin: str) -> str:
    """One setting as YAML: the jobs of a sweep have most of them in common. On one line where it has one, for
    where a longer text were cut would depend on the margin."""
    text: str = yaml.dump(orjson.loads(entry), Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=2**31 - 1)
    return indent(text, margin)


def strict_json(values: Mapping[str, Any]) -> str:
    """JSON without NaN or infinity: such a value is null, and its key is listed under `non_finite`."""
    non_finite: list[str] = []
    clean = _clean(values, "", non_finite)
    return orjson.dumps({**clean, "non_finite": non_finite}, option=orjson.OPT_INDENT_2).decode() + "\n"


def _clean(value: Any, key: str, non_finite: list[str]) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _clean(v, f"{key}.{k}" if key else str(k), non_finite) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(v, f"{key}.{k}", non_finite) for k, v in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        non_finite.append(key)
        return None
    return value
