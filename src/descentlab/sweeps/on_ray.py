"""Pieces of a sweep as tasks of a Ray cluster."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import ray

from descentlab.errors import InputError
from descentlab.sweeps.dealing import lost
from descentlab.sweeps.pieces import Piece, Results, run_piece


@contextmanager
def cluster(address: str | None) -> Iterator[dict[str, float]]:
    """A Ray cluster, with how many of each resource it has: `CPU`, `GPU`.

    Args:
        address: of one that is there, which is left running; None starts one on this machine and stops
            it. Its servers listen where Ray takes this machine to be: see `ray_launcher`.

    Raises:
        InputError: it cannot be started, or does not answer.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would ask a server outside
    try:
        if address is None:
            ray.init("local", include_dashboard=False, logging_level=logging.WARNING)
        else:
            ray.init(address, logging_level=logging.WARNING)
    except (OSError, ValueError, RuntimeError) as error:
        wanted = "a Ray cluster on this machine" if address is None else f"a Ray cluster at {address}"
        raise InputError(f"hydra/launcher=ray: expected {wanted}, which cannot be had ({error}).") from error
    try:
        yield ray.cluster_resources()
    finally:
        ray.shutdown()


def on_ray(pieces: Sequence[Piece], *, resources: Mapping[str, float], retries: int) -> Iterator[Results]:
    """Train pieces as Ray's tasks, within `cluster`.

    A task whose worker dies is run again, there or elsewhere, and skips the jobs that have ended; one that
    dies too often takes its own jobs with it, which have no result then.

    Args:
        pieces: of one sweep; its folder is on a disk that all machines see.
        resources: what a task holds while it runs: `CPU`, `GPU`.
        retries: how often a task is run again.
    """
    task = ray.remote(run_piece).options(num_cpus=resources["CPU"], num_gpus=resources["GPU"], max_retries=retries)
    waiting = {task.remote(piece): piece for piece in pieces}
    while waiting:
        (ready,), _ = ray.wait(list(waiting), num_returns=1)
        piece = waiting.pop(ready)
        try:
            yield ray.get(ready)
        except ray.exceptions.RayError as error:
            yield lost([piece], str(error))
