"""Parts of a computation on the cores of this machine, each on a thread of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from descentlab.processes import num_cores

Part = TypeVar("Part")
Result = TypeVar("Result")


def num_threads() -> int:
    """The threads that parts are given to: OMP_NUM_THREADS, or as many as this process has cores."""
    return int(os.environ.get("OMP_NUM_THREADS") or num_cores())


def on_threads(run: Callable[[Part], Result], parts: list[Part]) -> list[Result]:
    """`run(part)` of all parts, in their order; within each, torch's operations use one thread."""
    if min(len(parts), num_threads()) <= 1:
        return [run(part) for part in parts]
    with ThreadPoolExecutor(num_threads(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(pool.map(run, parts))
