"""Pieces of a sweep on the cores of this machine, each in a process of its own."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

import torch

from descentlab.engines.drawing import CPU
from descentlab.errors import WriteError
from descentlab.runs.interruption import SIGNALS
from descentlab.runs.trainer import device_of
from descentlab.sweeps.compose import Job
from descentlab.sweeps.pieces import Piece, Results, run_piece


def gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return (
        [str(k) for k in range(torch.cuda.device_count())]
        if named is None
        else [name for name in named.split(",") if name]
    )


def workers_for(jobs: Sequence[Job], wanted: int) -> int:
    """How many processes train these jobs: as many as wanted, where they ask for a GPU at most one a GPU."""
    return min(wanted, len(gpus()) or wanted) if any(map(_asks_for_gpu, jobs)) else wanted


def gpus_of_task(jobs: Sequence[Job]) -> int:
    """How many GPUs a task of these jobs holds, where nothing else is wanted: one if a job asks for one."""
    return int(any(map(_asks_for_gpu, jobs)))


def tasks_at_a_time(there: Mapping[str, float], task: Mapping[str, float]) -> int:
    """How many tasks that hold so much of each resource a cluster runs side by side; at least one, which waits."""
    return max(1, min(int(there.get(name, 0) / count) for name, count in task.items() if count))


def on_cores(pieces: Sequence[Piece], num_workers: int) -> Iterator[Results]:
    """Train pieces side by side, at most `num_workers` at a time; one alone in this process.

    A process that dies takes its own piece with it, whose jobs have no result then. Where jobs ask for a GPU,
    there are as many processes as GPUs, and each sees one of them.

    Args:
        pieces: of one sweep.
        num_workers: processes at a time.

    Raises:
        WriteError: the disk takes no more.
    """
    jobs = [job for piece in pieces for job in piece.jobs]
    free = gpus() if any(map(_asks_for_gpu, jobs)) else []
    num_workers = workers_for(jobs, num_workers)
    if len(pieces) == 1 or num_workers == 1:
        yield from map(run_piece, pieces)
        return
    # A fork has torch imported already; where forks are unsafe (macOS, CUDA in use) a worker starts from nothing.
    may_fork = sys.platform == "linux" and not torch.cuda.is_initialized()
    context: Any = multiprocessing.get_context("fork" if may_fork else "spawn")
    waiting = list(reversed(pieces))
    running: dict[Any, tuple[Any, Piece, str | None]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < num_workers:
                piece = waiting.pop()
                mine, theirs = context.Pipe(duplex=False)
                gpu = free.pop() if free else None
                is_first = len(waiting) + 1 == len(pieces)
                forked = [mine, *running] if context.get_start_method() == "fork" else []
                process = context.Process(target=_work, args=(piece, theirs, is_first, gpu, forked))
                process.start()
                theirs.close()
                running[mine] = (process, piece, gpu)
            for connection in wait(list(running)):
                assert isinstance(connection, Connection)
                process, piece, gpu = running.pop(connection)
                yield _received(connection, piece)
                process.join()
                if gpu is not None:
                    free.append(gpu)
    finally:
        for process, _, _ in running.values():
            process.terminate()


def _asks_for_gpu(job: Job) -> bool:
    return device_of(job.settings["trainer"]["accelerator"]) != CPU


def _work(piece: Piece, results: Connection, is_first: bool, gpu: str | None, forked: Sequence[Connection]) -> None:
    for connection in forked:  # else this process would keep the pipe open into which it sends
        connection.close()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu  # before CUDA is asked for anything
    for number in SIGNALS:  # the process that shares the work out hears them, and ends its workers
        signal.signal(number, signal.SIG_DFL)
    if not is_first:
        sys.stderr.isatty = lambda: False  # type: ignore[method-assign]  # so that one bar is drawn
    trained: Results | WriteError
    try:
        trained = run_piece(piece)
    except WriteError as error:  # for the process that shares the work out, which ends all of it
        trained = error
    with suppress(BrokenPipeError):  # the sweep was killed; its folder has what was trained
        results.send(trained)


def _received(connection: Connection, piece: Piece) -> Results:
    try:
        results: Results | WriteError = connection.recv()
    except EOFError:
        numbers = [job.number for job in piece.jobs]
        print(f"a worker died; jobs {numbers[0]} to {numbers[-1]} have no result", file=sys.stderr)
        return dict.fromkeys(numbers)
    if isinstance(results, WriteError):
        raise results
    return results
