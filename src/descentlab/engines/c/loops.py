"""Loops in C over tensors that lie in known places: elementwise operations, sums, matrix products.

Sums and products add their terms in the order in which that is fastest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from descentlab.engines.c.routines import address
from descentlab.engines.record import CannotRecord
from descentlab.engines.reuse import memory

EXPONENTIAL = """
/* exp(x) with a relative error below 2.5e-7; inf above 88.7, 0 below -103.9, NaN stays NaN.
   exp(x) = 2^k exp(f), |f| <= log(2)/2, with the polynomial of Cephes' expf (Moshier, 1992). */
static inline float exponential(float x) {
    float c = x > 89.0f ? 89.0f : x;
    c = c < -104.0f ? -104.0f : c;
    float k = rintf(c * 1.44269504f);
    float f = __builtin_fmaf(k, -0.693359375f, c);
    f = __builtin_fmaf(k, 2.12194440e-4f, f);
    float p = 1.9875691500e-4f;
    p = __builtin_fmaf(p, f, 1.3981999507e-3f);
    p = __builtin_fmaf(p, f, 8.3334519073e-3f);
    p = __builtin_fmaf(p, f, 4.1665795894e-2f);
    p = __builtin_fmaf(p, f, 1.6666665459e-1f);
    p = __builtin_fmaf(p, f, 5.0000001201e-1f);
    p = __builtin_fmaf(p * f, f, f) + 1.0f;
    union { int i; float f; } a, b;
    int whole = (int)k, half = whole >> 1;
    a.i = (half + 127) << 23;
    b.i = (whole - half + 127) << 23;
    return p * a.f * b.f;
}
"""

LANES = 16
"""Partial sums of a reduction, so that the compiler can add several numbers at once without reordering."""


class Places:
    """The pieces of memory that a C function reads and writes, called `m0`, `m1`, ... as they turn up, and the
    statements that do so.

    Attributes:
        helpers: C source that the statements want before them.
        is_exact: whether they leave torch's bits.
    """

    helpers = EXPONENTIAL
    is_exact = False

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.numbers: dict[int, int] = {}
        self.replaceable: dict[str, int] = {}
        self.statements: list[str] = []
        self.routines: list[str] = []

    def pointer(self, tensor: Tensor) -> str:
        """The name of the piece of memory in which a tensor lies."""
        if str(tensor.dtype) != "torch.float32":
            raise CannotRecord(f"a native step covers float32 only, not {tensor.dtype}")
        if memory(tensor) not in self.numbers:
            self.numbers[memory(tensor)] = len(self.tensors)
            self.tensors.append(tensor)
        return f"m{self.numbers[memory(tensor)]}"

    def replaceable_pointer(self, name: str, tensor: Tensor) -> None:
        """A piece of memory for which `addresses` may be given another tensor under this name."""
        self.pointer(tensor)
        self.replaceable[name] = self.numbers[memory(tensor)]

    def addresses(self, instead: dict[str, Tensor]) -> list[int]:
        """Where the pieces of memory begin now."""
        tensors = list(self.tensors)
        for name, tensor in instead.items():
            tensors[self.replaceable[name]] = tensor
        return [tensor.untyped_storage().data_ptr() for tensor in tensors] + list(map(address, self.routines))

    def routine(self, name: str, kind: str) -> str:
        """The C expression of a routine of torch's own, of a function pointer's type `kind`."""
        address(name)
        if name not in self.routines:
            self.routines.append(name)
        return f"(({kind})routines[{self.routines.index(name)}])"

    def scratch(self, shape: Sequence[int]) -> Tensor:
        """A new tensor that nothing else reads or writes."""
        return torch.empty(list(shape))

    def calls_routine(self, function: Any, output: Tensor, args: Sequence[Any]) -> bool:
        """Write down the call of a routine for an approximated function; False if it is to be written out."""
        return False

    def local(self, lines: list[str], name: str, sizes: Sequence[int]) -> str:
        """A number of its own for every time round a loop over `sizes`, declared in the loop's lines."""
        lines.append(f"float {name};")
        return name

    def root(self, lines: list[str], sizes: Sequence[int], result: str, number: str) -> None:
        """Add to the lines of a loop over `sizes`: result = square root of a number."""
        lines.append(f"{result} = sqrtf({number});")

    def loop(self, lines: list[str], sizes: Sequence[int]) -> str:
        """The loop over `sizes` with these lines."""
        return self.nest(sizes, " ".join(lines))

    def element(self, tensor: Tensor, strides: Sequence[int], indices: Sequence[str]) -> str:
        terms = [f"{i} * {stride}" if stride != 1 else i for i, stride in zip(indices, strides, strict=True) if stride]
        if tensor.storage_offset() or not terms:
            terms.append(str(tensor.storage_offset()))
        return f"{self.pointer(tensor)}[{' + '.join(terms)}]"

    def nest(self, sizes: Sequence[int], body: str) -> str:
        """`body` inside one loop an axis, with the indices i0, i1, ..."""
        return nest(sizes, body)

    def elementwise(self, output: Tensor, tensors: list[Tensor], statement: Callable[[str, list[str]], str]) -> None:
        """`statement(output element, input elements)` for all elements of the output."""
        strides = [broadcast_strides(tensor, output.shape) for tensor in (output, *tensors)]
        sizes, strides = merged(output.shape, strides)
        indices = [f"i{k}" for k in range(len(sizes))]
        elements = [
            self.element(tensor, stride, indices) for tensor, stride in zip((output, *tensors), strides, strict=True)
        ]
        self.statements.append(nest(sizes, statement(elements[0], elements[1:])))

    def reduction(
        self,
        output: Tensor,
        tensors: list[Tensor],
        shape: Sequence[int],
        axes: Sequence[int],
        term: Callable[[list[str]], str],
        divisor: int = 1,
    ) -> None:
        """output = (sum of `term` along `axes` of `shape`) / divisor."""
        kept = [axis for axis in range(len(shape)) if axis not in axes]
        out_strides = iter([s for n, s in zip(output.shape, output.stride(), strict=True) if n != 1])
        out_steps = [next(out_strides) if shape[axis] != 1 else 0 for axis in kept]
        wide = [broadcast_strides(tensor, shape) for tensor in tensors]
        outer = [[stride[axis] for axis in kept] for stride in wide]
        inner_sizes, inner = merged([shape[a] for a in axes], [[stride[a] for a in axes] for stride in wide])
        outer_sizes = [shape[axis] for axis in kept]
        rows = [f"i{k}" for k in range(len(kept))]
        columns = [f"k{k}" for k in range(len(inner_sizes))]
        target = self.element(output, out_steps, rows)
        inputs = [
            self.element(tensor, [*o, *i], [*rows, *columns])
            for tensor, o, i in zip(tensors, outer, inner, strict=True)
        ]
        divided = "" if divisor == 1 else f" / {literal(divisor)}"
        if kept and outer_sizes[-1] >= LANES and out_steps[-1] == 1:
            clear = nest(outer_sizes, f"{target} = 0.0f;")
            add = nest(inner_sizes, nest(outer_sizes, f"{target} += {term(inputs)};"), "k")
            shrink = nest(outer_sizes, f"{target} = {target}{divided};") if divided else ""
            self.statements.append(clear + add + shrink)
        else:
            total = f"float total = 0; {_sum(inner_sizes, term(inputs))} {target} = total{divided};"
            self.statements.append(nest(outer_sizes, total))

    def product(self, output: Tensor, x: Tensor, y: Tensor, bias: Tensor | None = None) -> None:
        """output = x [i, k] @ y [k, j] + bias [i, j], with the innermost loop along memory."""
        (rows, inner), columns = x.shape, y.shape[1]
        bias_strides = [0, 0]
        if bias is not None:
            bias = bias.expand(rows, columns)
            bias_strides = list(bias.stride())
        at_out = self.element(output, own_strides(output), ["i", "j"])
        at_bias = "0.0f" if bias is None else self.element(bias, bias_strides, ["i", "j"])
        at_x = self.element(x, own_strides(x), ["i", "k"])
        at_y = self.element(y, own_strides(y), ["k", "j"])
        over_ij = f"for (long i = 0; i < {rows}; i++) for (long j = 0; j < {columns}; j++) "
        if inner <= 4:
            total = at_bias
            for k in range(inner):
                left = f"{self.element(x, [own_strides(x)[0]], ['i'])[:-1]} + {k * x.stride(1)}]"
                right = f"{self.element(y, [own_strides(y)[1]], ['j'])[:-1]} + {k * y.stride(0)}]"
                total = f"__builtin_fmaf({left}, {right}, {total})"
            self.statements.append(f"{over_ij}{at_out} = {total};")
            return
        if columns >= 8:
            self.statements.append(
                f"{over_ij}{at_out} = {at_bias}; for (long i = 0; i < {rows}; i++) for (long k = 0; k < {inner}; k++) "
                f"for (long j = 0; j < {columns}; j++) {at_out} = __builtin_fmaf({at_x}, {at_y}, {at_out});"
            )
            return
        whole = inner - inner % 16
        lanes = (
            f"float lane[16] = {{0}}; for (long b = 0; b < {whole}; b += 16) for (long l = 0; l < 16; l++) "
            f"{{ long k = b + l; lane[l] = __builtin_fmaf({at_x}, {at_y}, lane[l]); }} "
            f"for (long k = {whole}; k < {inner}; k++) lane[0] = __builtin_fmaf({at_x}, {at_y}, lane[0]); "
            f"float total = 0; for (long l = 0; l < 16; l++) total += lane[l]; "
        )
        self.statements.append(f"{over_ij}{{ {lanes}{at_out} = total + {at_bias}; }}")


def broadcast_strides(tensor: Tensor, shape: Sequence[int]) -> list[int]:
    """The strides of a tensor seen with a larger shape; 0 along an axis on which it is repeated."""
    missing = len(shape) - tensor.dim()
    own = [0 if size == 1 else stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True)]
    return [0] * missing + own


def merged(shape: Sequence[int], strides: list[list[int]]) -> tuple[list[int], list[list[int]]]:
    """The same walk over all tensors with as few axes as possible."""
    sizes: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        own = [stride[axis] for stride in strides]
        if sizes and all(step[-1] == size * one for step, one in zip(steps, own, strict=True)):
            sizes[-1] *= size
            for step, one in zip(steps, own, strict=True):
                step[-1] = one
        else:
            sizes.append(size)
            for step, one in zip(steps, own, strict=True):
                step.append(one)
    return sizes, steps


def nest(sizes: Sequence[int], body: str, prefix: str = "i") -> str:
    """`body` inside one loop an axis, with the indices i0, i1, ..."""
    head = "".join(f"for (long {prefix}{k} = 0; {prefix}{k} < {n}; {prefix}{k}++) " for k, n in enumerate(sizes))
    return f"{head}{{ {body} }}"


def _sum(sizes: Sequence[int], term: str) -> str:
    """`total += term` over the axes k0, k1, ...; the last one in lanes."""
    if not sizes or math.prod(sizes) < 2 * LANES:
        return nest(sizes, f"total += {term};", "k")
    *outer, last = sizes
    axis = f"k{len(outer)}"
    whole = last - last % LANES
    lanes = (
        f"for (long b = 0; b < {whole}; b += {LANES}) "
        f"for (long l = 0; l < {LANES}; l++) {{ long {axis} = b + l; lane[l] += {term}; }} "
        f"for (long {axis} = {whole}; {axis} < {last}; {axis}++) lane[0] += {term};"
    )
    return (
        f"float lane[{LANES}] = {{0}}; {nest(outer, lanes, 'k')} for (long l = 0; l < {LANES}; l++) total += lane[l];"
    )


def literal(value: Any) -> str:
    """A number as C writes it, exactly, rounded to float as torch does."""
    value = float(value)
    if math.isnan(value) or math.isinf(value):
        return "NAN" if math.isnan(value) else f"({'-' if value < 0 else ''}INFINITY)"
    return f"((float){value.hex()})"


def own_strides(tensor: Tensor) -> list[int]:
    """The strides of a tensor; 0 along an axis of one."""
    return [0 if size == 1 else stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True)]
