"""Files that are written whole or not at all."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from descentlab.errors import InputError

TABLE = "data.csv"
"""The copy of a run's own table in its folder."""


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
    """Write a file under a temporary name, flush it to the disk, and give it its name."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    data = content.encode() if isinstance(content, str) else content
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def strict_json(values: Mapping[str, Any]) -> str:
    """JSON without NaN or infinity: such a value is null, and its key is listed under `non_finite`."""
    non_finite: list[str] = []
    clean = _clean(values, "", non_finite)
    return json.dumps({**clean, "non_finite": non_finite}, indent=2, allow_nan=False) + "\n"


def _clean(value: Any, key: str, non_finite: list[str]) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _clean(v, f"{key}.{k}" if key else str(k), non_finite) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(v, f"{key}.{k}", non_finite) for k, v in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        non_finite.append(key)
        return None
    return value
