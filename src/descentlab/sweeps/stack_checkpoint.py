"""Checkpoints of stacks in training: one that was stopped or killed goes on from there, and ends with the same bits."""

import sys
import time
from collections.abc import Mapping, Sequence, Set
from hashlib import sha256
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from descentlab.callbacks.steps import StepCallback
from descentlab.errors import InputError
from descentlab.runs.files import STACKS
from descentlab.runs.load import read_checkpoint
from descentlab.sweeps.compose import Job
from descentlab.sweeps.stacked_module import Member, StackedRegression

_WORTH_IT = 20
"""Times as long as the last one took, before another is written: a state holds the history of all members."""


class StackCheckpoint(StepCallback):
    """Writes, on the way, all that a stack needs to go on; the last of its callbacks, so that all have looked.

    Args:
        every: gradient steps between two.
        seconds: the least time between two.
        numbers: of the members' jobs in the sweep.
        sweep: its folder.
    """

    def __init__(self, every: int, seconds: float, numbers: Sequence[int], sweep: Path) -> None:
        super().__init__(every)
        self.path = _path(sweep, numbers[0])
        self._numbers = list(numbers)
        self._seconds = seconds
        self._since = time.monotonic()

    def step_of(self, module: StackedRegression) -> int:
        """The step of the checkpoint from which the stack of these jobs goes on; 0 where there is none of it."""
        state = _read(self.path)
        if state is None or state["jobs"] != self._numbers or not _fits(state, module):
            return 0
        step: int = state["global_step"]
        first, last = self._numbers[0], self._numbers[-1]
        print(f"the stack of jobs {first} to {last} goes on from step {step}", file=sys.stderr)
        return step

    def look(self, trainer: Trainer, module: Any, step: int) -> None:
        began = time.monotonic()
        if 0 < step < trainer.max_steps and not trainer.should_stop and began - self._since >= self._seconds:
            trainer.save_checkpoint(self.path)
            self._since = time.monotonic()
            self._seconds = max(self._seconds, _WORTH_IT * (self._since - began))

    def on_save_checkpoint(self, trainer: Trainer, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        checkpoint |= {"jobs": self._numbers, "points": _digest_of(pl_module.members)}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Leave out Lightning's own progress, which counts batches: the stack counts from its step."""
        del checkpoint["loops"]


def begun(jobs: Sequence[Job], sweep: Path) -> tuple[list[list[Job]], list[Job]]:
    """Those of some jobs whose stacks have a checkpoint, stack by stack, and the others.

    Args:
        jobs: that are to be trained; a stack of which others are members, too, begins anew.
        sweep: its folder.
    """
    waiting = {job.number: job for job in jobs}
    there = set(_checkpoints_in(sweep))
    stacks = []
    for job in jobs:
        path = _path(sweep, job.number)
        state = _read(path) if path in there else None
        if state is not None and waiting.keys() >= set(state["jobs"]):
            stacks.append([waiting.pop(number) for number in state["jobs"]])
    return stacks, list(waiting.values())


def forget(sweep: Path, missing: Set[int]) -> None:
    """Remove the checkpoints of stacks that nobody will go on with.

    Args:
        sweep: folder of a sweep that has come to its end.
        missing: the numbers of the jobs that have no result.
    """
    for path in _checkpoints_in(sweep):
        state = _read(path)
        if state is None or missing.isdisjoint(state["jobs"]):
            path.unlink()


def _fits(state: Mapping[str, Any], module: StackedRegression) -> bool:
    """Whether a checkpoint's tensors have the names and shapes of a stack's, whose points are still the same."""
    try:
        found = {name: value.shape for name, value in state["stack"]["moving"].items()}
    except (AttributeError, KeyError, TypeError):  # of a file that something else has written
        return False
    own = {name: value.shape for name, value in (module.stack.parameters | module.stack.state).items()}
    return found == own and state.get("points") == _digest_of(module.members)


def _digest_of(members: Sequence[Member]) -> str:
    """Of all points, by which it shows that a table was edited."""
    digest = sha256()
    for member in members:
        for points in member.data.stages().values():
            for part in points:
                digest.update(part.numpy().tobytes())
    return digest.hexdigest()


def _checkpoints_in(sweep: Path) -> list[Path]:
    return [path for path in (sweep / STACKS).glob("*.ckpt") if path.stem.isdecimal()]


def _path(sweep: Path, first: int) -> Path:
    return sweep / STACKS / f"{first}.ckpt"


def _read(path: Path) -> dict[str, Any] | None:
    """A checkpoint with the numbers of its jobs; None where there is none, or something else."""
    try:
        state = read_checkpoint(path)
    except InputError:
        return None
    jobs: Any = state.get("jobs")
    if not isinstance(jobs, list) or not all(type(number) is int for number in jobs) or len(set(jobs)) < len(jobs):
        return None
    return state if jobs[:1] == [int(path.stem)] else None
