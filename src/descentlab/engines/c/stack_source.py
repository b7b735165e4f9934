"""A stack's step as C: one function over all steps of a block of members."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from descentlab.engines.c.lanes import BLOCK, LanePlaces
from descentlab.engines.c.operations import write_operations
from descentlab.engines.c.updates import CLines
from descentlab.engines.program import Program
from descentlab.engines.reuse import memory
from descentlab.engines.updates import Group, Rule


@dataclass
class StackSource:
    """C source, and the pieces of memory that its function `run` is handed, in this order.

    Attributes:
        text: the source.
        given: the names of the tensors of which every member has its own.
        shared: the tensors that all members read.
        scratch: of each piece that only the function works in, the numbers a member.
        routines: torch's own that it calls.
    """

    text: str = ""
    given: list[str] = field(default_factory=list)
    shared: list[Tensor] = field(default_factory=list)
    scratch: list[int] = field(default_factory=list)
    routines: list[str] = field(default_factory=list)


def stack_source(
    program: Program, given: dict[str, Tensor], rule: Rule, group: Group, rate_names: list[str], places: LanePlaces
) -> StackSource:
    """The C source for a block of members.

    A member takes part in a step while it is alive and has not reached its last step. One whose loss or
    parameters leave the finite numbers gets back what it had before that step, and is alive no more.

    Args:
        program: the record of one member's loss and gradients, without what does not depend on the parameters.
        given: that member's own tensors: its parameters `p0`, `p1`, ..., the state of the optimiser under the
            names of the update rule (`s0_exp_avg`), and whatever else members have of their own.
        rule: of the optimiser.
        group: its hyperparameters.
        rate_names: the numbers that are new at every step, in their order.
        places: what the operations are written to.

    Raises:
        CannotRecord: if an operation is not covered.
    """
    parameters = [name for name in given if name[0] == "p"]
    moving = [name for name in given if name[0] in "ps"]
    places.laned = {memory(tensor) for tensor in given.values()} | program.made()
    pointers = {name: places.pointer(tensor) for name, tensor in given.items()}
    loops = write_operations(program, places)
    first, later = (_updates(program, places, rule, group, rate_names, given, is_first) for is_first in (True, False))
    loss = program.results[0]
    assert loss is not None
    pieces = list(enumerate(places.tensors))[len(given) :]
    shared = [number for number, tensor in pieces if memory(tensor) not in places.laned]
    scratch = [number for number, _ in pieces if number not in shared and number not in loops.rows]
    handed = [*range(len(given)), *shared, *scratch]

    def over(names: list[str], statement: str) -> str:
        """A statement for all elements of these tensors; {at} is the element, {place} the place among all."""
        lines, start = [], 0
        for name in names:
            at, place = (f"({offset} + e0) * {BLOCK} + l" for offset in (0, start))
            inner = statement.format(at=f"{pointers[name]}[{at}]", place=place)
            lines.append(places.nest([given[name].numel()], inner, "e"))
            start += given[name].numel()
        return "\n".join(lines)

    text = _TEXT.format(
        block=BLOCK,
        helpers=places.helpers,
        places=loops.places(handed),
        parameters=", ".join(f"float *restrict m{number}" for number in handed),
        arguments=", ".join(f"memory[{k}]" for k in range(len(handed))),
        num_pieces=len(handed),
        arrays=loops.arrays(BLOCK),
        loops=loops.statements(),
        loss=places.element(loss, [], []),
        updates=later if first == later else f"if (begun + step == 0) {{\n{first}\n}} else {{\n{later}\n}}",
        keep=over(moving, "old[{place}] = {at};"),
        restore=over(moving, "{at} = goes_on[l] ? {at} : old[{place}];"),
        check=over(parameters, "trace[l] += {at} * 0.0f;"),
        write_row=over(parameters, "table[{place}] = {at};"),
        row_size=sum(given[name].numel() for name in parameters),
    )
    return StackSource(
        text=text,
        given=list(given),
        shared=[places.tensors[number] for number in shared],
        scratch=[
            *(places.tensors[number].untyped_storage().nbytes() // 4 for number in scratch),
            sum(given[name].numel() for name in moving),
        ],
        routines=places.routines,
    )


def _updates(
    program: Program,
    places: LanePlaces,
    rule: Rule,
    group: Group,
    rate_names: list[str],
    given: dict[str, Tensor],
    is_first: bool,
) -> str:
    names = [f"numbers[{k} * {BLOCK} + l]" for k in range(len(rule.numbers(group)))]
    numbers = dict(zip(rule.numbers(group), names, strict=True))
    numbers |= {name: f"now[{k} * {BLOCK} + l]" for k, name in enumerate(rate_names)}
    lines = CLines(places, numbers)
    loops = []
    for index, gradient in enumerate(program.results[1:]):
        if gradient is not None:
            own = {name: given[name] for name in given if name.startswith(f"s{index}_")}
            lines.begin({f"p{index}": given[f"p{index}"], f"g{index}": gradient, **own})
            rule.write(lines, group, f"p{index}", f"g{index}", f"s{index}_", is_first)
            loops.append(lines.loop())
    return "\n".join(loops)


_TEXT = """#include <math.h>
{helpers}
{places}
static __attribute__((noinline)) void perform({parameters}, float *restrict old, void **routines,
        const float *restrict numbers, const float *restrict rates, long width, float *restrict losses,
        float *restrict table, const long *rows, const long *last, int *restrict alive, long *restrict taken,
        long begun, long num_steps) {{
{arrays}
    long next_row = rows[0], rows_left = rows[2];
    for (long step = 0; step < num_steps; step++) {{
        const float *restrict now = rates + step * width;
        if (rows_left && step == next_row) {{
{write_row}
            table += {row_size} * {block};
            next_row += rows[1];
            rows_left--;
        }}
        int active[{block}], any = 0;
        for (long l = 0; l < {block}; l++) {{
            active[l] = alive[l] && begun + step < last[l];
            any |= active[l];
        }}
        if (!any) continue;
{loops}
        float trace[{block}];
        for (long l = 0; l < {block}; l++) losses[step * {block} + l] = {loss};
        for (long l = 0; l < {block}; l++) trace[l] = losses[step * {block} + l] * 0.0f;
{keep}
{updates}
{check}
        int goes_on[{block}], all = 1;
        for (long l = 0; l < {block}; l++) {{
            int is_finite = trace[l] == 0.0f;
            goes_on[l] = active[l] && is_finite;
            alive[l] = alive[l] && (is_finite || !active[l]);
            taken[l] += goes_on[l];
            all &= goes_on[l];
        }}
        if (!all) {{
{restore}
        }}
    }}
}}
void run(float **memory, const float *numbers, const float *rates, long width, float *losses, float *table,
         const long *rows, const long *last, int *alive, long *taken, long begun, long num_steps) {{
    perform({arguments}, memory[{num_pieces}], (void **)(memory + {num_pieces} + 1), numbers, rates, width, losses,
            table, rows, last, alive, taken, begun, num_steps);
}}
"""
