"""Loops in C over a block of members side by side, a number of each in one vector register.

Element e of member l lies at `[e * BLOCK + l]`; the innermost loop of every statement runs over l, and the
compiler makes vector instructions of it. Outside of it is a loop over the rows (samples) of a tensor, which
operations share (row_loops.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from descentlab.engines.c.loops import Places, literal
from descentlab.engines.c.walks import ROW, broadcast_strides, head, over, own_strides
from descentlab.engines.reuse import memory

BLOCK = 16
"""Members side by side."""

OVER_LANES = f"for (long l = 0; l < {BLOCK}; l++) "


class LanePlaces(Places):
    """Collects row loops over a block of members.

    Args:
        num_samples: rows of the data; an axis of this length is taken for that of the samples.

    Attributes:
        laned: pieces of memory of which every member has its own; the others are shared by all.
    """

    def __init__(self, num_samples: int) -> None:
        super().__init__(num_samples)
        self.laned: set[int] = set()

    def scratch(self, shape: Sequence[int]) -> Tensor:
        tensor = super().scratch(shape)
        self.laned.add(memory(tensor))
        return tensor

    def subscript(self, tensor: Tensor, place: str) -> str:
        return f"({place}) * {BLOCK} + l" if memory(tensor) in self.laned else place

    def start(self, tensor: Tensor, strides: Sequence[int] = (), indices: Sequence[str] = ()) -> str:
        return f"{super().start(tensor, strides, indices).removesuffix(' + l]')}]"

    def head(self, sizes: Sequence[int], prefix: str = "i") -> str:
        return f"{super().head(sizes, prefix)}{OVER_LANES}"

    def goes_by_rows(self, shape: Sequence[int], tensors: Sequence[Tensor]) -> bool:
        return bool(shape)

    def reduction(
        self,
        output: Tensor,
        tensors: list[Tensor],
        shape: Sequence[int],
        axes: Sequence[int],
        term: Callable[[list[str]], str],
        divisor: int = 1,
    ) -> None:
        out_strides = iter([s for n, s in zip(output.shape, output.stride(), strict=True) if n != 1])
        out_steps = [0 if axis in axes or shape[axis] == 1 else next(out_strides) for axis in range(len(shape))]
        indices = [ROW if axis == 0 else f"i{axis}" for axis in range(len(shape))]
        inputs = [self.element(tensor, broadcast_strides(tensor, shape), indices) for tensor in tensors]
        target = self.element(output, out_steps, indices)
        kept = [axis for axis in range(1, len(shape)) if axis not in axes]
        summed = [axis for axis in range(1, len(shape)) if axis in axes]
        clear = _over(kept, shape, f"{target} = 0.0f;")
        add = _over([*kept, *summed], shape, f"{target} += {term(inputs)};")
        shrink = "" if divisor == 1 else _over(kept, shape, f"{target} = {target} / {literal(divisor)};")
        size = shape[0] if shape else 1
        if 0 in axes:
            self.add(output, add, size, before=clear, after=shrink)
        else:
            self.add(output, f"{clear} {add} {shrink}", size)

    def product(self, output: Tensor, x: Tensor, y: Tensor, bias: Tensor | None = None) -> None:
        (rows, inner), columns = x.shape, y.shape[1]
        is_sum = self.sums_rows(x, y)
        (i, j), sizes = self.walk(rows, columns, by_rows=not is_sum)
        k = ROW if is_sum else "k"
        start = "0.0f"
        if bias is not None:
            start = self.element(bias, broadcast_strides(bias, (rows, columns)), [i, j])
        target = self.element(output, own_strides(output), [i, j])
        factor = self.element(x, own_strides(x), [i, k])
        other = self.element(y, own_strides(y), [k, j])

        def plus_term(total: str) -> str:
            return f"__builtin_fmaf({factor}, {other}, {total})"

        if is_sum:
            before = self.nest(sizes, f"{target} = {start};")
            self.add(output, f"{target} = {plus_term(target)};", inner, sizes, before)
        elif inner == 1:
            self.add(output, f"{target} = {plus_term(start)};", rows, sizes)
        else:
            body = (
                f"float total[{BLOCK}]; {OVER_LANES} total[l] = {start}; "
                f"for (long k = 0; k < {inner}; k++) {OVER_LANES} total[l] = {plus_term('total[l]')}; "
                f"{OVER_LANES} {target} = total[l];"
            )
            self.add(output, f"{head(sizes)}{{ {body} }}", rows)

    def sums_rows(self, x: Tensor, y: Tensor) -> bool:
        return x.shape[0] != self.num_rows and x.shape[1] == self.num_rows


def _over(axes: Sequence[int], shape: Sequence[int], body: str) -> str:
    return f"{''.join(over(f'i{axis}', shape[axis]) for axis in axes)}{OVER_LANES}{body}"
