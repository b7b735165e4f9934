"""Runs that are killed, go on and are killed again, held against one that was never stopped."""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from descentlab.engines.same_bits import same_bits
from descentlab.runs.files import LAST_CHECKPOINT
from descentlab.runs.load import read_checkpoint
from descentlab.runs.resume import resume
from descentlab.runs.train import train
from descentlab.settings.compose import read_settings

_FILE_EVENTS = ("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "shutil.rmtree")
"""Python's audit events of the calls by which a run changes its folder; each is raised before its call."""

_SECONDS_AT_MOST = 120.0


@dataclass(frozen=True)
class Child:
    """A child process that worked: `killed` in the midst, or after so many seconds and changes of files."""

    killed: bool
    seconds: float = 0.0
    changes: int = 0


def soak(settings: Mapping[str, Any], folder: Path, kills: int, seed: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Kill runs of the settings with SIGKILL at random points, let each go on until it ends, and compare it.

    A point is a moment of the run or, every other time, the instant before it opens, renames or removes a file.

    Args:
        settings: checked plain values.
        folder: of the runs; it exists and is empty.
        kills: how many, 1 or more.
        seed: of the points.

    Yields:
        For each run how often it was killed, and what in it differs from the run that was not.
    """
    chance = random.Random(seed)
    whole, timed = folder / "whole", folder / "timed"
    whole.mkdir()
    timed.mkdir()
    train(settings, whole)  # in this process, so that all it imports is there in every child
    reference = forked(lambda: train(settings, timed), timed)
    done = number = 0
    while done < kills:
        number += 1
        run = folder / str(number)
        run.mkdir()
        go_on = partial(_go_on, settings, run)
        times = 0
        while True:
            seconds = change = None
            if done + times < kills:
                if chance.random() < 0.5:
                    seconds = chance.uniform(0, reference.seconds)
                else:
                    change = chance.randint(1, reference.changes)
            if not forked(go_on, run, seconds, change).killed:
                break
            times += 1
        done += times
        yield times, differences(whole, run)


def _go_on(settings: Mapping[str, Any], folder: Path) -> None:
    if (folder / "config.yaml").is_file():
        resume(read_settings(folder / "config.yaml"), folder)
    else:
        train(settings, folder)


def forked(
    work: Callable[[], object], folder: Path, kill_after: float | None = None, kill_at: int | None = None
) -> Child:
    """Do some work in a forked child, which starts in milliseconds since all is imported.

    Args:
        work: done in the child.
        folder: whose changes are counted.
        kill_after: seconds until the child gets SIGKILL; None lets it live.
        kill_at: the change, counted from 1, before which it gets SIGKILL; None lets it live.

    Raises:
        RuntimeError: the work failed.
    """
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    began = time.monotonic()
    if (child := os.fork()) == 0:
        try:
            told = repr(_counted(work, str(folder), kill_at))
            code = 0
        except BaseException as error:
            told, code = repr(error)[:1000], 1
        os.write(writer, told.encode())
        os._exit(code)
    os.close(writer)
    status = _waited(child, _SECONDS_AT_MOST if kill_after is None else kill_after)
    with os.fdopen(reader) as file:
        told = file.read()
    if os.WIFSIGNALED(status):
        if kill_after is None and kill_at is None:
            raise RuntimeError(f"a child did not end within {_SECONDS_AT_MOST:g} s")
        return Child(killed=True)
    if os.WEXITSTATUS(status):
        raise RuntimeError(f"the work of a child failed: {told}")
    return Child(False, time.monotonic() - began, int(told))


def _counted(work: Callable[[], object], folder: str, kill_at: int | None) -> int:
    changes = 0

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal changes
        if event in _FILE_EVENTS and str(arguments[0]).startswith(folder):
            changes += 1
            if changes == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)  # which cannot be taken back, and ends with the child
    work()
    return changes


def _waited(child: int, seconds: float) -> int:
    """The status of a child that has ended, by itself or after some seconds by SIGKILL."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(min(0.002, max(0.0, deadline - time.monotonic())))
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def differences(first: Path, second: Path) -> list[str]:
    """What differs between two runs' folders, but for times: files by name, and parts of checkpoints.

    Compared bit for bit are the history, the logged scalars, the result, the parameters of both
    checkpoints, the states of optimiser, scheduler, generators, batches and callbacks, and, by TensorBoard's
    own reader, what it shows.
    """
    names = ("config.yaml", "history.csv", "csv/metrics.csv")
    found = [name for name in names if _bytes(first / name) != _bytes(second / name)]
    found += ["result.json"] * (_result(first) != _result(second))
    for name in (LAST_CHECKPOINT, "checkpoints/best.ckpt"):
        here, there = _state(first / name), _state(second / name)
        found += [f"{name}: {key}" for key in {**here, **there} if not same_bits(here.get(key), there.get(key))]
    found += ["tensorboard"] * (_shown(first) != _shown(second))
    found += [f"left over: {path.name}" for path in second.rglob("*") if path.name.endswith((".tmp", ".lock"))]
    return found


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _result(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    del values["seconds"]
    return values


def _state(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    return {key: value for key, value in read_checkpoint(path).items() if key not in ("epoch", "loops", "logs")}


def _shown(folder: Path) -> dict[str, Any]:
    """The scalars and histograms that TensorBoard reads, step by step."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    if not (folder / "tensorboard").is_dir():
        return {}
    board = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0, "histograms": 0}).Reload()
    scalars = {tag: [(event.step, event.value) for event in board.Scalars(tag)] for tag in board.Tags()["scalars"]}
    histograms = {
        tag: [(event.step, event.histogram_value) for event in board.Histograms(tag)]
        for tag in board.Tags()["histograms"]
    }
    return {**scalars, **{f"histogram {tag}": values for tag, values in histograms.items()}}
