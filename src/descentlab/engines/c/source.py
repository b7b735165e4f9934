"""The C source of a lone run's steps."""

from __future__ import annotations

from torch import nn

from descentlab.engines.c.loops import Places, literal
from descentlab.engines.c.operations import write_operation
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
    for operation in program.operations:
        write_operation(operation, places)
    loss = program.results[0]
    assert loss is not None
    places.statements.append(f"losses[step] = {places.element(loss, [], [])};")
    _write_updates(program, updates, parameters, places)
    row = _row(trainable, places)
    pointers = "\n    ".join(f"float *restrict m{number} = memory[{number}];" for number in range(len(places.tensors)))
    body = "\n        ".join(places.statements)
    return f"""#include <math.h>
{places.helpers}
void run(float **memory, const float *rates, long width, float *losses, long num_steps,
         float *table, long next_row, long every, long num_rows) {{
    {pointers}
    void **routines = (void **)(memory + {len(places.tensors)});
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
"""


def _write_updates(program: Program, updates: RuleUpdates, parameters: list[nn.Parameter], places: Places) -> None:
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


def _row(trainable: list[nn.Parameter], places: Places) -> str:
    """The statements that write the parameters down, one after another."""
    copies = []
    for parameter in trainable:
        if not parameter.is_contiguous():
            raise CannotRecord("a parameter does not lie in one piece of memory")
        first = places.element(parameter.detach(), [], [])
        copies.append(f"for (long i = 0; i < {parameter.numel()}; i++) *table++ = (&{first})[i];")
    return " ".join(copies)
