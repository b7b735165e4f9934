"""What a stack leaves behind: one file of arrays with a leading member axis, from which each of its jobs
can be given the folder of its lone run."""

import io
import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from descentlab.callbacks.history import Rows, mse_of_rows
from descentlab.errors import InputError
from descentlab.modules.coefficients import flat_parameters
from descentlab.runs.files import STACKS, write_whole, writing
from descentlab.runs.result import Result, result_from
from descentlab.sweeps.fit import FittedStack
from descentlab.sweeps.stacked_module import Member

_BETWEEN = "\0"
"""Between the texts of two results in a record."""


@dataclass(frozen=True)
class StackRecord:
    """All that a stack's jobs came to.

    Attributes:
        jobs: their numbers in the sweep.
        results, texts: of each, and of its `result.json`.
        steps: the recorded ones; a member has those before its own end, and its end.
        losses: at the recorded steps; NaN after a member's end.
        parameters: flattened, at the recorded steps; None for nets with many.
        mse: the mean squared error in the user's unit at the recorded steps, where the loss is another.
        last_losses, last_parameters, last_mse: the same at each member's end.
        validation_steps, validation_losses: `val/loss` where it was computed; NaN after a member's end.
        state: the last state dict, each entry (member, its own shape).
        best: entries of the state dict at the lowest `val/loss`; empty without validation points.
        best_steps, best_losses: where that was.
        optimizer: the state of the optimiser by the number of the parameter and its own name.
    """

    jobs: list[int]
    results: list[Result]
    texts: list[str]
    steps: list[int]
    losses: Float[Tensor, "member row"]
    parameters: Float[Tensor, "member row parameter"] | None
    mse: Float[Tensor, "member row"] | None
    last_losses: Float[Tensor, " member"]
    last_parameters: Float[Tensor, "member parameter"]
    last_mse: Float[Tensor, " member"] | None
    validation_steps: list[int]
    validation_losses: Float[Tensor, "member look"]
    state: dict[str, Tensor]
    best: dict[str, Tensor]
    best_steps: Int[Tensor, " member"]
    best_losses: Float[Tensor, " member"]
    optimizer: dict[int, dict[str, Tensor]]

    def rows(self, k: int) -> Rows:
        """The recorded rows of member k, up to its own end."""
        num_steps = self.results[k].num_steps
        count = bisect_left(self.steps, num_steps)
        return Rows(
            [*self.steps[:count], num_steps],
            torch.cat([self.losses[k, :count], self.last_losses[k, None]]),
            _with_last(self.parameters, self.last_parameters, k, count),
            _with_last(self.mse, self.last_mse, k, count),
        )

    def validation(self, k: int) -> dict[int, float]:
        """`val/loss` of member k by step, up to its own end."""
        result = self.results[k]
        known = dict(zip(self.validation_steps, self.validation_losses[k].tolist(), strict=True))
        upto = {step: loss for step, loss in known.items() if step <= result.num_steps}
        if known and "val/loss" in result.metrics:
            upto[result.num_steps] = result.metrics["val/loss"]
        return upto

    def state_of(self, k: int) -> dict[str, Tensor]:
        """The last state dict of member k's module."""
        return {name: value[k].clone() for name, value in self.state.items()}

    def best_of(self, k: int) -> tuple[dict[str, Tensor], int, float] | None:
        """The state dict of member k at its lowest `val/loss`, with the step and that loss."""
        last = self.validation(k).get(self.results[k].num_steps, math.nan)
        if math.isnan(last) and not self.best:
            return None
        if last < float(self.best_losses[k]):
            return self.state_of(k), self.results[k].num_steps, last
        best = {name: self.best.get(name, value)[k].clone() for name, value in self.state.items()}
        return best, int(self.best_steps[k]), float(self.best_losses[k])

    def optimizer_of(self, k: int) -> dict[int, dict[str, Tensor]]:
        """What the lone run's `optimizer.state_dict()["state"]` would hold."""
        if self.results[k].num_steps == 0:
            return {}
        return {
            number: {name: value[k].clone() for name, value in entries.items()}
            for number, entries in self.optimizer.items()
        }


def _with_last(rows: Tensor | None, last: Tensor | None, k: int, count: int) -> Tensor | None:
    return None if rows is None or last is None else torch.cat([rows[k, :count], last[k, None]])


def record_of(fitted: FittedStack, jobs: Sequence[int], results: Sequence[Result]) -> StackRecord:
    """What is to be kept of a stack that has been trained.

    Args:
        fitted: the stack; its members' modules have their last parameters.
        jobs: the numbers of its members in the sweep.
        results: of its members.
    """
    module, history, validation = fitted.module, fitted.history, fitted.validation
    members = module.members
    ends = torch.stack([flat_parameters(member.module.net) for member in members])
    parameters = history.parameters()
    if module.keeps_parameters and parameters is None:
        parameters = ends[:, None][:, :0]
    last_mse = mse = None
    if members[0].module.wants_mse:
        scaled = [
            mse_of_rows(m.module.net, *m.data.stages()["train"], end[None])[0] * m.module.mse_scale
            for m, end in zip(members, ends, strict=True)
        ]
        last_mse, mse = torch.stack(scaled), history.mean_squared_errors()
        mse = last_mse[:, None][:, :0] if mse is None else mse
    states = [member.module.state_dict() for member in members]
    numbers = [k for k, parameter in enumerate(members[0].module.net.parameters()) if parameter.requires_grad]
    looks = list(validation.losses.values())
    return StackRecord(
        jobs=list(jobs),
        results=list(results),
        texts=[result.to_json() for result in results],
        steps=list(history.steps),
        losses=history.losses(),
        parameters=parameters if module.keeps_parameters else None,
        mse=mse,
        last_losses=torch.stack([_next_loss(member) for member in members]),
        last_parameters=ends,
        last_mse=last_mse,
        validation_steps=list(validation.losses),
        validation_losses=torch.stack(looks, dim=1) if looks else torch.empty(len(members), 0),
        state={name: torch.stack([state[name] for state in states]).detach() for name in states[0]},
        best={f"net.{name}": value.cpu() for name, value in validation.best.items()},
        best_steps=validation.best_steps,
        best_losses=validation.best_losses,
        optimizer={numbers[k]: entries for k, entries in module.stack.optimizer_states().items()},
    )


def _next_loss(member: Member) -> Float[Tensor, ""]:
    """The loss of a member on the batch of its next update."""
    x, y = member.data.batches.peek()
    with torch.no_grad():
        loss: Tensor = member.module.loss(member.module(x), y)
    return loss


def records_in(sweep: Path) -> list[Path]:
    """The files of a sweep's records."""
    return sorted((sweep / STACKS).glob("*.npz"))


def save_record(record: StackRecord, sweep: Path) -> None:
    """Write a record whole or not at all, as an npz of named arrays that NumPy opens without pickle."""
    path = sweep / STACKS / f"{record.jobs[0]}.npz"
    with writing(path):
        path.parent.mkdir(exist_ok=True)
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {name: np.ascontiguousarray(array) for name, array in _arrays(record)}
    np.savez(buffer, allow_pickle=False, **arrays)
    write_whole(path, buffer.getbuffer())


def _arrays(record: StackRecord) -> Iterator[tuple[str, Any]]:
    yield "job", np.array(record.jobs, dtype=np.int64)
    yield "step", np.array(record.steps, dtype=np.int64)
    yield "train/loss", record.losses.numpy()
    yield "last/loss", record.last_losses.numpy()
    yield "last/parameters", record.last_parameters.numpy()
    if record.parameters is not None:
        yield "parameters", record.parameters.numpy()
    if record.mse is not None and record.last_mse is not None:
        yield "train/mse", record.mse.numpy()
        yield "last/mse", record.last_mse.numpy()
    yield "val/step", np.array(record.validation_steps, dtype=np.int64)
    yield "val/loss", record.validation_losses.numpy()
    yield "best/step", record.best_steps.numpy()
    yield "best/loss", record.best_losses.numpy()
    for name, value in record.state.items():
        yield f"state/{name}", value.numpy()
    for name, value in record.best.items():
        yield f"best/state/{name}", value.numpy()
    for number, entries in record.optimizer.items():
        for name, value in entries.items():
            yield f"optimizer/{number}/{name}", value.numpy()
    yield "result", np.frombuffer(_BETWEEN.join(record.texts).encode(), dtype=np.uint8)


def load_record(path: Path) -> StackRecord:
    """A record as it was written.

    Raises:
        InputError: the file is damaged or holds something else.
    """
    with _opened(path) as arrays:
        return _record_from({name: arrays[name] for name in arrays}, path.parents[1])


def load_results(path: Path) -> dict[int, Result]:
    """The results in a record by the numbers of their jobs, without reading the rest.

    Raises:
        InputError: the file is damaged or holds something else.
    """
    with _opened(path) as arrays:
        return {job: result_from(text, path.parents[1] / str(job)) for job, text in _texts(arrays).items()}


def load_numbers(path: Path) -> list[int]:
    """The numbers of a record's jobs.

    Raises:
        InputError: the file is damaged or holds something else.
    """
    with _opened(path) as arrays:
        return list(map(int, arrays["job"]))


def load_texts(path: Path) -> dict[int, str]:
    """What stands in the `result.json` of a record's jobs, by their numbers.

    Raises:
        InputError: the file is damaged or holds something else.
    """
    with _opened(path) as arrays:
        return _texts(arrays)


@contextmanager
def _opened(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            yield arrays
    except (OSError, ValueError, KeyError, EOFError, IndexError, BadZipFile) as error:
        raise InputError(f"{path}: expected the arrays of a stack, but it cannot be read ({error}).") from error


def _texts(arrays: Mapping[str, Any]) -> dict[int, str]:
    jobs: list[int] = arrays["job"].tolist()
    return dict(zip(jobs, bytes(arrays["result"]).decode().split(_BETWEEN), strict=True))


def _record_from(arrays: Mapping[str, Any], sweep: Path) -> StackRecord:
    texts = _texts(arrays)
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items() if name != "result"}
    optimizer: dict[int, dict[str, Tensor]] = {}
    for name, value in _under(tensors, "optimizer/").items():
        number, _, entry = name.partition("/")
        optimizer.setdefault(int(number), {})[entry] = value
    return StackRecord(
        jobs=list(texts),
        results=[result_from(text, sweep / str(job)) for job, text in texts.items()],
        texts=list(texts.values()),
        steps=tensors["step"].tolist(),
        losses=tensors["train/loss"],
        parameters=tensors.get("parameters"),
        mse=tensors.get("train/mse"),
        last_losses=tensors["last/loss"],
        last_parameters=tensors["last/parameters"],
        last_mse=tensors.get("last/mse"),
        validation_steps=tensors["val/step"].tolist(),
        validation_losses=tensors["val/loss"],
        state=_under(tensors, "state/"),
        best=_under(tensors, "best/state/"),
        best_steps=tensors["best/step"],
        best_losses=tensors["best/loss"],
        optimizer=optimizer,
    )


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
