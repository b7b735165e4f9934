"""Gradient steps as one C function over all steps, made from the record.

Where the recorded engine calls an operation from Python, this one has its loop in C, so that a step costs its
arithmetic and nothing else. The numbers are the same: sums are added in torch's order, and what torch leaves
to a library is left to the same one. Each built function is held against the recorded engine, bit for bit, on
its first steps; what it does not cover, the recorded engine performs.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from descentlab.engines.c.build import build
from descentlab.engines.c.exact_loops import ExactPlaces
from descentlab.engines.c.loops import LANES, Places
from descentlab.engines.c.source import step_source
from descentlab.engines.optimizer_state import optimized
from descentlab.engines.problem import Problem
from descentlab.engines.program import Program
from descentlab.engines.record import CannotRecord
from descentlab.engines.recorded import RecordedEngine
from descentlab.engines.row_table import RowTable
from descentlab.engines.same_bits import same_bits

NUM_COMPARED_STEPS = 10

SECONDS_TO_BUILD = 0.05
"""Seconds of recorded steps from which building a function is worth its time: it is built once."""

SECONDS_A_CALL, SECONDS_A_NUMBER = 1.2e-6, 5e-10
"""About what a recorded operation takes, and each number that it writes."""


class CompiledEngine(RecordedEngine):
    """Performs the steps in C where it can, and is a recorded engine elsewhere, with the reason.

    Args:
        problem: what is trained; full batches, float32, an optimiser with an update rule.
        num_steps: how many will be asked for; for few, nothing is built. None builds for any number.

    Raises:
        CannotRecord: if the step cannot even be recorded.
    """

    own_name = "compiled"
    segment = 65536

    def __init__(self, problem: Problem, num_steps: int | None = None) -> None:
        self.native_reason: str | None = None
        self._num_steps = num_steps
        super().__init__(problem)

    def make_places(self, num_rows: int) -> Places:
        """What the operations are written to."""
        return ExactPlaces(num_rows)

    def agrees(self, expected: Float[Tensor, "*shape"], ours: Float[Tensor, "*shape"]) -> bool:
        """True if losses or parameters of the first steps are close enough to the recorded engine's."""
        return same_bits(expected, ours)

    def _prepare(self) -> None:
        self._run_native: Any = None
        self.name, self.native_reason = "recorded", None
        super()._prepare()
        start = self.problem.snapshot()
        try:
            self._build()
            self._compare()
            self.name = self.own_name
        except CannotRecord as why:
            self._run_native, self.native_reason = None, str(why)
        finally:
            self.problem.restore(start)

    def _build(self) -> None:
        if self._updates is None:
            raise CannotRecord("the optimiser has no update rule")
        if not self.problem.batches.is_full:
            raise CannotRecord("a compiled step covers full batches only")
        x, y = self.problem.batches.peek()
        program = self._program(x, y)
        if self._num_steps is not None and self._num_steps * _seconds_of_step(program) < SECONDS_TO_BUILD:
            raise CannotRecord("the steps are too few to build a function for them")
        if self._updates.first_updates():
            self.run(1, range(0))
        self._places = self.make_places(len(x) if _has_wide_rows(program, len(x)) else 0)
        source = step_source(program, self._updates, optimized(self.problem), self.problem.trainable(), self._places)
        self._run_native = build(source, self._places.is_exact)

    def _compare(self) -> None:
        """Refuse a built function whose first steps are not those of the recorded engine."""
        start, native = self.problem.snapshot(), self._run_native
        results = []
        for function in (None, native):
            self._run_native = function
            self.problem.restore(start)
            losses, rows = self.run(NUM_COMPARED_STEPS, range(1, NUM_COMPARED_STEPS, 4))
            results.append((losses, self.problem.flat_parameters(), rows))
        for recorded, ours in zip(*results, strict=True):
            if not self.agrees(recorded, ours):
                raise CannotRecord(f"the {self.own_name} step differs from the recorded one")

    def _perform_by_rule(self, start: int, stop: int, table: RowTable) -> tuple[Float[Tensor, " step"], bool]:
        updates = self._updates
        count = stop - start
        if self._run_native is None or updates is None or updates.first_updates():
            if count > 1 and self._run_native is not None:
                first, _ = self._perform_by_rule(start, start + 1, table)
                return torch.cat([first, self._perform_by_rule(start + 1, stop, table)[0]]), True
            return super()._perform_by_rule(start, stop, table)
        state = updates.state_tensors()
        done = updates.steps_done()
        rates = updates.rates(count, done)
        is_constant = self.problem.scheduler is None and not updates.rule.counts_steps
        numbers = torch.tensor(rates[:1] if is_constant else rates, dtype=torch.float64).float()
        losses = torch.empty(count)
        addresses = self._places.addresses(state)
        rows, wanted = table.take(start, stop)
        self._run_native(
            (ctypes.c_void_p * len(addresses))(*addresses),
            ctypes.c_void_p(numbers.data_ptr()),
            ctypes.c_long(0 if is_constant else numbers.shape[1]),
            ctypes.c_void_p(losses.data_ptr()),
            ctypes.c_long(count),
            ctypes.c_void_p(rows.data_ptr()),
            ctypes.c_long(wanted.start),
            ctypes.c_long(wanted.step),
            ctypes.c_long(len(wanted)),
        )
        updates.count_steps([before + count for before in done])
        return losses, True


def _seconds_of_step(program: Program) -> float:
    numbers = sum(tensor.numel() for operation in program.operations for tensor in operation.outputs())
    return SECONDS_A_CALL * len(program.operations) + SECONDS_A_NUMBER * numbers


def _has_wide_rows(program: Program, num_samples: int) -> bool:
    """True if some operation gives every sample so many numbers that they fill a vector."""
    outputs = [tensor for operation in program.operations for tensor in operation.outputs() if tensor.dim() > 1]
    return num_samples > 1 and any(
        tensor.shape[0] == num_samples and tensor.numel() >= LANES * num_samples for tensor in outputs
    )
