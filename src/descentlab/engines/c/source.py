"""The C source of a lone run's steps."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from descentlab.engines.c.loops import Places, literal
from descentlab.engines.c.operations import write_operations
from descentlab.engines.c.updates import CLines
from descentlab.engines.optimizer_state import RuleUpdates
from descentlab.engines.program import Program
from descentlab.engines.record import CannotRecord


def step_source(
    program: Program,
    updates: RuleUpdates,
    parameters: list[nn.Parameter],
    trainable: list[nn.Parameter],
    places: Places,
) -> str:
    """The C source of `run(memory, rates, width, losses, num_steps, table, next_row, every, num_rows)`.

    Args:
        program: the record of loss and gradients.
        updates: the optimiser's rule.
        parameters: the optimised parameters.
        trainable: the parameters that a row of the table holds, in their order.
        places: filled with the pieces of memory that the function wants, in their order.

    Raises:
        CannotRecord: if an operation is not covered.
    """
    for name, tensor in updates.state_tensors().items():
        places.replaceable_pointer(name, tensor)
    loops = write_operations(program, places)
    loss = program.results[0]
    assert loss is not None
    updates_of_parameters = list(_updates(program, updates, parameters, places))
    row = _row(trainable, places)
    at_loss = places.element(loss, [], [])
    pieces = [number for number in range(len(places.tensors)) if number not in loops.rows]
    body = "\n        ".join([loops.statements(), f"losses[step] = {at_loss};", *updates_of_parameters])
    return f"""#include <math.h>
{places.helpers}
{loops.places(pieces)}
static __attribute__((noinline)) void perform({", ".join(f"float *restrict m{number}" for number in pieces)},
        void **routines, const float *restrict rates, long width, float *restrict losses, long num_steps,
        float *restrict table, long next_row, long every, long num_rows) {{
    {loops.arrays()}
    for (long step = 0; step < num_steps; step++) {{
        const float *restrict r = rates + step * width;
        if (num_rows && step == next_row) {{
            {row}
            next_row += every;
            num_rows--;
        }}
        {body}
    }}
}}
void run(float **memory, const float *rates, long width, float *losses, long num_steps,
         float *table, long next_row, long every, long num_rows) {{
    perform({", ".join(f"memory[{number}]" for number in pieces)}, (void **)(memory + {len(places.tensors)}),
            rates, width, losses, num_steps, table, next_row, every, num_rows);
}}
"""


def _updates(program: Program, updates: RuleUpdates, parameters: list[nn.Parameter], places: Places) -> Iterator[str]:
    """A loop for each parameter."""
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
            yield lines.loop()


def _row(trainable: list[nn.Parameter], places: Places) -> str:
    """The statements that write the parameters down, one after another."""
    copies = []
    for parameter in trainable:
        if not parameter.is_contiguous():
            raise CannotRecord("a parameter does not lie in one piece of memory")
        first = places.element(parameter.detach(), [], [])
        copies.append(f"for (long i = 0; i < {parameter.numel()}; i++) *table++ = (&{first})[i];")
    return " ".join(copies)
