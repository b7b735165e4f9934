"""Gradient steps replayed from a record: the same operations, without what PyTorch does around them.

One step is recorded (record.py), cut down to the operations whose results change and matter (program.py),
followed by the optimiser's update (updates.py), and compiled as a Python function of direct calls
(compile.py). An optimiser without an update rule is called itself, with the replayed gradients.

The engine does what the eager one does, bit for bit. It proves that on the first steps whenever it has
recorded, and leaves the problem to the eager engine, with the reason, where it cannot serve.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise, repeat
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from descentlab.engines.compile import compile_step
from descentlab.engines.divergence import advance_guarded, has_finite_gradients, passes_on_non_finite
from descentlab.engines.eager import EagerEngine
from descentlab.engines.optimizer_state import RuleUpdates, optimized
from descentlab.engines.preconditions import (
    fingerprint,
    plain_attributes,
    put_back_attributes,
    refuse_what_replay_would_skip,
    saved_attributes,
)
from descentlab.engines.problem import Problem, Trace
from descentlab.engines.program import Program
from descentlab.engines.record import CannotRecord
from descentlab.engines.record_step import record_step
from descentlab.engines.row_table import RowTable
from descentlab.engines.same_bits import same_bits
from descentlab.engines.updates import rule_for

BATCH_SEGMENT = 64
"""Batches that are held at once."""

Step = Callable[..., Any]


class RecordedEngine:
    """Records the problem's gradient step and replays it.

    Args:
        problem: what is trained.

    Raises:
        CannotRecord: with the reason, if the step cannot be replayed faithfully; the problem is unchanged.
    """

    segment = 1024
    """Steps whose losses and rates are held at once."""

    num_checked_steps = 3
    """Steps that a new recording is compared with the eager engine: the first update of momentum differs from
    the second, and the third reads what the second has written."""

    takes_tensors = False
    """Whether a step is given its rates as tensors."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.name = "recorded"
        self.reason: str | None = None
        self._eager = EagerEngine(problem)
        self._prepare()

    def advance(self, num_steps: int, rows: range = range(0)) -> Trace:
        if self.reason is not None:
            return self._eager.advance(num_steps, rows)
        try:
            refuse_what_replay_would_skip(self.problem)
            if not self._is_up_to_date():
                self._prepare()
            return advance_guarded(self.problem, self.run, num_steps, rows)
        except CannotRecord as why:
            self.name, self.reason = "eager", str(why)
            return self._eager.advance(num_steps, rows)

    def evaluate(self) -> tuple[Tensor, list[Tensor | None]] | None:
        """The loss on the next batch and the gradient of each of the optimiser's parameters, by a replay that
        changes nothing; None where a replay would not do."""
        if self.reason is not None or not self._is_up_to_date():
            return None
        x, y = self.problem.batches.peek()
        program = self._programs.get(layout_of(x, y))
        if program is None or any(operation.is_random() for operation in program.operations):
            return None
        key = (layout_of(x, y), "look")
        if key not in self._bound:
            results = f"({program.loss}, [{', '.join(name or 'None' for name in program.gradients)}])"
            step = compile_step(program.lines, results, self._arguments(), program.names)(**program.names)
            self._bound[key] = ([], step)
        with torch.no_grad():
            loss, gradients = self._bound[key][1](*([] if self.problem.batches.is_full else [x, y]))
        return loss, [None if gradient is None else gradient.clone() for gradient in gradients]

    def run(self, num_steps: int, rows: range) -> tuple[Float[Tensor, " step"], Float[Tensor, "row parameter"] | None]:
        """The steps without the rule for divergence."""
        perform = self._perform_by_rule if self._updates is not None else self._perform_by_optimizer
        losses: list[Tensor] = []
        table = RowTable(self.problem, rows, num_steps)
        for start, stop in pairwise(self._marks(num_steps, table)):
            pending, goes_on = perform(start, stop, table)
            losses.append(pending)
            if not goes_on:
                break
        return torch.cat(losses) if losses else torch.empty(0), table.filled()

    def _marks(self, num_steps: int, table: RowTable) -> list[int]:
        """Where the run pauses: the steps between two marks are performed by one call."""
        segment = self.segment if self.problem.batches.is_full else BATCH_SEGMENT
        return [*range(0, num_steps, segment), num_steps]

    def _prepare(self) -> None:
        """Record the next batch's step and prove it; the problem is left as it was."""
        start = self.problem.snapshot()
        try:
            refuse_what_replay_would_skip(self.problem)
            self._fingerprint = fingerprint(self.problem)
            self._captured: list[tuple[Tensor, int]] = []
            self._programs: dict[Any, Program] = {}
            self._makers: dict[Any, Any] = {}
            self._bound: dict[Any, tuple[list[Tensor], Step]] = {}
            program = self._program(*self.problem.batches.peek())
            rule = rule_for(self.problem.optimizer)
            has_gradient = [gradient is not None for gradient in program.gradients]
            self._updates = None if rule is None else RuleUpdates(self.problem, rule, has_gradient)
            self._prove()
        finally:
            self.problem.restore(start)

    def _prove(self) -> None:
        """Compare the first steps with the eager engine's.

        Raises:
            CannotRecord: if losses, parameters, buffers, or the optimiser's state differ.
        """
        start, count = self.problem.snapshot(), self.num_checked_steps
        attributes, before = saved_attributes(self.problem), plain_attributes(self.problem)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the eager engine will say it again
            eager = (*self._eager.run(count, range(count)), self.problem.snapshot())
        if plain_attributes(self.problem) != before:
            put_back_attributes(attributes)
            raise CannotRecord("the net changes its own attributes as it runs")
        self.problem.restore(start)
        try:
            replayed = (*self.run(count, range(count)), self.problem.snapshot())
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as why:
            raise CannotRecord(f"its replay fails ({str(why).splitlines()[0]})") from why
        if not self._replays(eager, replayed):
            raise CannotRecord("its replayed first steps differ from the eager ones")

    def _replays(self, eager: Any, ours: Any) -> bool:
        """True if the first steps are the eager engine's: every bit of them."""
        return same_bits(eager, ours)

    def _is_up_to_date(self) -> bool:
        return self._fingerprint == fingerprint(self.problem) and all(
            tensor._version == version for tensor, version in self._captured
        )

    def _program(self, x: Tensor, y: Tensor) -> Program:
        """The program for batches of the shape of x and y; recorded if there is none."""
        key = layout_of(x, y)
        if key not in self._programs:
            program = record_step(self.problem, x, y)
            self._programs[key] = program
            self._captured += [(tensor, tensor._version) for tensor in program.captured]
        return self._programs[key]

    def _perform_by_rule(self, start: int, stop: int, table: RowTable) -> tuple[Tensor, bool]:
        """The steps from `start` to before `stop` with the updates written out; returns the losses, and
        that the run goes on."""
        updates = self._updates
        assert updates is not None
        count = stop - start
        if count > 1 and updates.first_updates():
            first, _ = self._perform_by_rule(start, start + 1, table)
            return torch.cat([first, self._perform_by_rule(start + 1, stop, table)[0]]), True
        is_first = updates.first_updates()
        state = updates.state_tensors()
        done = updates.steps_done()
        rates = updates.rates(count, done)
        losses = self._perform_steps(range(start, stop), table, state, is_first, rates)
        updates.count_steps([before + count for before in done])
        return losses, True

    def _perform_steps(
        self,
        indices: range,
        table: RowTable,
        state: dict[str, Tensor],
        first: frozenset[int],
        rates: list[tuple[Any, ...]],
    ) -> Float[Tensor, " step"]:
        """The steps with these rates, reading and writing these state tensors; returns their losses."""
        if self.problem.batches.is_full:
            steps: Iterable[Step] = repeat(self._step(*self.problem.batches.peek(), state, first), len(indices))
            given: Iterable[tuple[Any, ...]] = rates
        else:
            batches = list(self._next_batches(len(indices)))
            steps = [self._step(x, y, state, first) for x, y in batches]
            given = [(x, y, *numbers) for (x, y), numbers in zip(batches, rates, strict=True)]
        losses = []
        with torch.inference_mode():
            for index, step, numbers in zip(indices, steps, given, strict=True):
                if index in table.rows:
                    table.keep()
                losses.append(step(*numbers))
        return torch.stack(losses)

    def _perform_by_optimizer(self, start: int, stop: int, table: RowTable) -> tuple[Tensor, bool]:
        """The steps from `start` to before `stop`, in which the real optimiser is given the replayed gradients.

        Returns the losses, and if the run goes on; it stops early as the eager engine does.
        """
        problem = self.problem
        watched = not passes_on_non_finite(problem.optimizer)
        losses: list[Tensor] = []
        goes_on = True
        for index in range(start, stop):
            if index in table.rows:
                table.keep()
            x, y = problem.batches.next()
            step = self._gradient_step(x, y)
            with torch.no_grad():
                losses.append(step() if problem.batches.is_full else step(x, y))
            problem.optimizer.step()
            if watched and not has_finite_gradients(problem):
                goes_on = False
                break
            if problem.scheduler is not None:
                problem.scheduler.step()
        problem.clear_gradients()
        return torch.stack(losses), goes_on

    def _next_batches(self, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        for _ in range(count):
            yield self.problem.batches.next()

    def _step(self, x: Tensor, y: Tensor, state: dict[str, Tensor], first: frozenset[int]) -> Step:
        """The compiled step with the updates, reading and writing these state tensors."""
        updates = self._updates
        assert updates is not None
        key = (layout_of(x, y), first)
        tensors, step = self._bound.get(key, ([], None))
        if step is None or any(a is not b for a, b in zip(tensors, state.values(), strict=True)):
            program = self._program(x, y)
            names = program.names | updates.numbers() | state
            if key not in self._makers:
                lines = program.lines + updates.lines(program.gradients, first, self.takes_tensors)
                arguments = self._arguments() + updates.rate_names()
                self._makers[key] = compile_step(lines, program.loss, arguments, names)
            step = self._makers[key](**names)
            self._bound[key] = (list(state.values()), step)
        return step

    def _gradient_step(self, x: Tensor, y: Tensor) -> Step:
        """The compiled step that leaves the gradients in `grad`, laid out as autograd would."""
        key = (layout_of(x, y), "gradients")
        program = self._program(x, y)
        tensors, step = self._bound.get(key, ([], None))
        parameters = [
            (index, parameter)
            for index, parameter in enumerate(optimized(self.problem))
            if program.gradients[index] is not None
        ]
        if step is None:
            tensors = [torch.empty_like(parameter.detach()) for _, parameter in parameters]
            buffers = {f"g{index}": tensor for (index, _), tensor in zip(parameters, tensors, strict=True)}
            lines = program.lines + [f"g{index}.copy_({program.gradients[index]})" for index, _ in parameters]
            names = program.names | buffers
            step = compile_step(lines, program.loss, self._arguments(), names)(**names)
            self._bound[key] = (tensors, step)
        for (_, parameter), tensor in zip(parameters, tensors, strict=True):
            parameter.grad = tensor
        return step

    def _arguments(self) -> list[str]:
        return [] if self.problem.batches.is_full else ["x", "y"]


def layout_of(x: Tensor, y: Tensor) -> tuple[Any, ...]:
    """How the points of a batch lie in memory, of which a step has its own form."""
    return x.shape, x.stride(), x.dtype, y.shape, y.stride(), y.dtype
