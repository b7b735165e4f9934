"""How many members of a stack fit into memory."""

import os
from collections.abc import Mapping
from typing import Any

from descentlab.modules.coefficients import MOST_COLUMNS, num_parameters
from descentlab.runs.assemble import assemble, rows_every

MOST_BYTES = 2**30
"""What a worker's stack may take at most: beyond some thousand members a step gets no cheaper."""

_MODULE_BYTES = 40_000
"""A LightningModule with its net, settings and data module, as objects."""

_COPIES = 3
"""A history is held as recorded, joined, and as written."""


def most_members(settings: Mapping[str, Any], num_workers: int) -> int:
    """The most members of a stack of jobs like this one: `sweep.members`, or what memory takes.

    A member holds its module, its points, the activations of a step on them, the state of its
    optimiser, and its history. Half of what is free is shared out among the workers.

    Args:
        settings: of one of the jobs.
        num_workers: how many share this machine's memory.
    """
    bound: int | None = settings["sweep"]["members"]
    if bound is not None:
        return bound
    data, module = assemble(settings)
    numbers = num_parameters(module.net)
    rows = settings["trainer"]["max_steps"] // rows_every(settings) + 2
    width = 2 + (numbers if numbers <= MOST_COLUMNS else 0)
    points = sum(x.numel() + y.numel() for x, y in data.stages().values())
    activations = len(data.stages()["train"].x) * numbers
    size = _MODULE_BYTES + 4 * (2 * points + 4 * activations + 6 * numbers + _COPIES * rows * width)
    return max(1, int(min(MOST_BYTES, _free_bytes() / 2 / num_workers) / size))


def _free_bytes() -> int:
    page = os.sysconf("SC_PAGE_SIZE")
    try:
        return page * os.sysconf("SC_AVPHYS_PAGES")
    except (ValueError, OSError):  # macOS does not tell
        return page * os.sysconf("SC_PHYS_PAGES") // 2
