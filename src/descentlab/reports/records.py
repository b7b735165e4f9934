"""The losses of jobs that left no folders: from the arrays that each stack of a large sweep leaves."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float32, Int64
from numpy import ndarray

from descentlab.errors import InputError

_FOLDER = "stacks"
_BETWEEN = "\0"

Recorded = tuple[Int64[ndarray, " row"], Float32[ndarray, " row"]]
"""The recorded steps of a job up to its own end, and its losses there."""


def read_records(folders: Sequence[Path]) -> list[Recorded | None]:
    """What the stacks of a sweep recorded of its jobs, one a folder, None for a job that none holds; nothing
    at all where the folders lie in no sweep that has records, or one of them has a history of its own.

    Args:
        folders: of the jobs, named by their numbers; they need not be there.

    Raises:
        InputError: a record cannot be read.
    """
    sweeps = {folder.parent for folder in folders}
    paths = sorted(path for sweep in sweeps for path in (sweep / _FOLDER).glob("*.npz"))
    if len(sweeps) != 1 or not paths or all((folder / "history.csv").is_file() for folder in folders):
        return []
    by_number: dict[str, Recorded] = {}
    for path in paths:
        by_number |= _read(path)
    found = [by_number.get(folder.name) for folder in folders]
    return found if any(each is not None for each in found) else []


def _read(path: Path) -> dict[str, Recorded]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            numbers, steps = arrays["job"].tolist(), arrays["step"]
            losses, last = arrays["train/loss"], arrays["last/loss"]
            results = [json.loads(text) for text in bytes(arrays["result"]).decode().split(_BETWEEN)]
        recorded = {}
        for k, (number, result) in enumerate(zip(numbers, results, strict=True)):
            count = int((steps < result["num_steps"]).sum())
            own = np.append(losses[k, :count], last[k]).astype(np.float32)
            recorded[str(number)] = (
                np.append(steps[:count], result["num_steps"]),
                (own * _scale(result["metrics"].get("train/loss"), float(last[k]))).astype(np.float32),
            )
        return recorded
    except (OSError, ValueError, KeyError, TypeError, EOFError, IndexError, BadZipFile) as error:
        raise InputError(f"{path}: expected the arrays of a stack, but it cannot be read ({error}).") from error


def _scale(in_user_units: float | None, in_training: float) -> float:
    """What takes a loss of the training, which may be in standard units, to the user's: both are known at the
    end. Losses that agree but for their rounding have the scale 1."""
    if not in_user_units or not in_training or not math.isfinite(in_user_units / in_training):
        return 1.0
    scale = in_user_units / in_training
    return 1.0 if math.isclose(scale, 1.0, rel_tol=1e-4) else scale
