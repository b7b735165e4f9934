"""Gradient steps as one C function over all steps, made from the record.

Where the recorded engine calls an operation from Python, this one has its loop in C, so that a step costs its
arithmetic and nothing else. Sums are added in another order, and exp is its own; so the numbers differ from
the recorded engine's in their last bits. Each built function is compared with the recorded engine on its
first steps before it is trusted; what it does not cover, the recorded engine performs.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from descentlab.engines.native_build import build
from descentlab.engines.native_loops import Places, literal
from descentlab.engines.native_operations import EXPONENTIAL, write_operation
from descentlab.engines.native_updates import CLines
from descentlab.engines.optimizer_state import RuleUpdates, optimized
from descentlab.engines.problem import Problem
from descentlab.engines.program import Program
from descentlab.engines.record import CannotRecord
from descentlab.engines.recorded import RecordedEngine
from descentlab.engines.row_table import RowTable

NUM_COMPARED_STEPS = 10
TOLERANCE = 1e-4
"""Largest difference from the recorded engine after these steps, relative to the largest number."""


class NativeEngine(RecordedEngine):
    """Performs the steps in C where it can, and is a recorded engine elsewhere, with the reason.

    Args:
        problem: what is trained; full batches, float32, an optimiser with an update rule.

    Raises:
        CannotRecord: if the step cannot even be recorded.
    """

    segment = 65536

    def __init__(self, problem: Problem) -> None:
        self.native_reason: str | None = None
        super().__init__(problem)

    def _prepare(self) -> None:
        self._run_native: Any = None
        self.name, self.native_reason = "recorded", None
        super()._prepare()
        start = self.problem.snapshot()
        try:
            self._build()
            self._compare()
            self.name = "native"
        except CannotRecord as why:
            self._run_native, self.native_reason = None, str(why)
        finally:
            self.problem.restore(start)

    def _build(self) -> None:
        if self._updates is None:
            raise CannotRecord("the optimiser has no update rule")
        if not self.problem.batches.is_full:
            raise CannotRecord("a native step covers full batches only")
        program = self._program(*self.problem.batches.peek())
        if self._updates.first_updates():
            self.run(1, range(0))
        self._places = Places()
        source = step_source(program, self._updates, optimized(self.problem), self._places)
        self._run_native = build(source)

    def _compare(self) -> None:
        """Refuse a built function whose first steps are not those of the recorded engine."""
        start, native = self.problem.snapshot(), self._run_native
        results = []
        for function in (None, native):
            self._run_native = function
            self.problem.restore(start)
            losses, _ = self.run(NUM_COMPARED_STEPS, range(0))
            results.append((losses, self.problem.flat_parameters()))
        for recorded, ours in zip(*results, strict=True):
            scale = float(recorded[recorded.isfinite()].abs().max()) if bool(recorded.isfinite().any()) else 1.0
            if not torch.allclose(recorded, ours, rtol=0, atol=TOLERANCE * scale, equal_nan=True):
                raise CannotRecord("the native step differs from the recorded one")

    def _marks(self, num_steps: int, table: RowTable) -> list[int]:
        return sorted({*super()._marks(num_steps, table), *table.rows})

    def _perform_by_rule(self, start: int, stop: int, table: RowTable) -> tuple[Float[Tensor, " step"], bool]:
        updates = self._updates
        count = stop - start
        if self._run_native is None or updates is None or updates.first_updates():
            if count > 1 and self._run_native is not None:
                first, _ = self._perform_by_rule(start, start + 1, table)
                return torch.cat([first, self._perform_by_rule(start + 1, stop, table)[0]]), True
            return super()._perform_by_rule(start, stop, table)
        if start in table.rows:
            table.keep()
        state = updates.state_tensors()
        done = updates.steps_done()
        if self.problem.scheduler is not None:
            self.problem.optimizer._opt_called = True  # type: ignore[attr-defined]  # or the scheduler warns
        rates = updates.rates(count, done)
        is_constant = self.problem.scheduler is None and not updates.rule.counts_steps
        numbers = torch.tensor(rates[:1] if is_constant else rates, dtype=torch.float64).float()
        losses = torch.empty(count)
        addresses = self._places.addresses(state)
        self._run_native(
            (ctypes.c_void_p * len(addresses))(*addresses),
            ctypes.c_void_p(numbers.data_ptr()),
            ctypes.c_long(0 if is_constant else numbers.shape[1]),
            ctypes.c_void_p(losses.data_ptr()),
            ctypes.c_long(count),
        )
        updates.count_steps([before + count for before in done])
        return losses, True


def step_source(program: Program, updates: RuleUpdates, parameters: list[Any], places: Places) -> str:
    """The C source of `run(memory, rates, width, losses, num_steps)`.

    Args:
        program: the record of loss and gradients.
        updates: the optimiser's rule.
        parameters: the optimised parameters.
        places: filled with the pieces of memory that the function wants, in their order.

    Raises:
        CannotRecord: if an operation is not covered.
    """
    for name, tensor in updates.state_tensors().items():
        places.replaceable_pointer(name, tensor)
    for operation in program.operations:
        write_operation(operation, places)
    loss = program.results[0]
    assert loss is not None
    places.statements.append(f"losses[step] = {places.element(loss, [], [])};")
    numbers = {name: literal(value) for name, value in updates.numbers().items()}
    numbers |= {name: f"r[{column}]" for column, name in enumerate(updates.rate_names())}
    state = updates.state_tensors()
    lines = CLines(places, numbers)
    for number, (group, members) in enumerate(updates.groups):
        lines.suffix = f"_{number}"
        for index, parameter in members:
            gradient = program.results[1 + index]
            assert gradient is not None
            own = {name: tensor for name, tensor in state.items() if name.startswith(f"s{index}_")}
            lines.begin({f"p{index}": parameter.detach(), f"g{index}": gradient, **own})
            updates.rule.write(lines, group, f"p{index}", f"g{index}", f"s{index}_", False)
            places.statements.append(lines.loop())
    pointers = "\n    ".join(f"float *restrict m{number} = memory[{number}];" for number in range(len(places.tensors)))
    body = "\n        ".join(places.statements)
    return (
        f"#include <math.h>\n{EXPONENTIAL}\n"
        "void run(float **memory, const float *rates, long width, float *losses, long num_steps) {\n"
        f"    {pointers}\n"
        "    for (long step = 0; step < num_steps; step++) {\n"
        "        const float *restrict r = rates + step * width;\n"
        f"        {body}\n"
        "    }\n}\n"
    )
