"""How many members of a stack fit into memory."""

import os
from collections.abc import Mapping
from typing import Any

import torch

from descentlab.engines.drawing import CPU
from descentlab.engines.stack import SEGMENT
from descentlab.modules.coefficients import MOST_COLUMNS, num_parameters
from descentlab.runs.assemble import assemble, rows_every
from descentlab.runs.trainer import device_of

MOST_BYTES = 2**30
"""What a worker's stack may take at most: beyond some thousand members a step gets no cheaper."""

_MODULE_BYTES = 40_000
"""A LightningModule with its net, settings and data module, as objects."""

_NUMBERS_A_STEP_ON_GPU = 3
"""The losses and rates of each step that a GPU makes before it is asked, beside recorded parameters."""

_COPIES = 3
"""A history is held as recorded, joined, and as written."""


def most_members(settings: Mapping[str, Any], num_workers: int) -> int:
    """The most members of a stack of jobs like this one: `sweep.members`, or what memory takes.

    A member holds its module, its points, the activations of a step on them, the state of its
    optimiser, and its history. Half of what is free is shared out among the workers; of a GPU's memory, on
    which a step works, half is one worker's.

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
    points = 8 * sum(x.numel() + y.numel() for x, y in data.stages().values())
    activations = len(data.stages()["train"].x) * numbers
    step = 4 * (4 * activations + 6 * numbers)
    size = _MODULE_BYTES + points + 4 * _COPIES * rows * width
    free = _free_bytes() / 2 / num_workers
    if (device := device_of(settings["trainer"]["accelerator"])) == CPU:
        return max(1, int(min(MOST_BYTES, free) / (size + step)))
    there = points + step + 4 * SEGMENT * (_NUMBERS_A_STEP_ON_GPU + width)
    return max(1, int(min(free / size, _free_bytes_on(device) / 2 / there)))


def _free_bytes_on(device: torch.device) -> int:
    if not torch.cuda.device_count():
        return 0
    torch.cuda.empty_cache()  # torch keeps what an earlier stack has left
    return torch.cuda.mem_get_info(device)[0]


def _free_bytes() -> int:
    page = os.sysconf("SC_PAGE_SIZE")
    try:
        return page * os.sysconf("SC_AVPHYS_PAGES")
    except (ValueError, OSError):  # macOS does not tell
        return page * os.sysconf("SC_PHYS_PAGES") // 2
