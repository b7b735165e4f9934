"""The ATen operations that a native step covers, each as C.

The elementwise forms have the bits of torch's own kernels, which multiply and add with one rounding where a
number scales what is added. How a sum or a product adds its terms, and what stands in for the approximated
functions (exp and its like), the places decide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from descentlab.engines.c.loops import Places, literal
from descentlab.engines.c.row_loops import SharedLoops
from descentlab.engines.program import Program
from descentlab.engines.record import CannotRecord, Operation
from descentlab.engines.reuse import memory

aten = torch.ops.aten

Term = Callable[..., str]


def _clipped(difference: str, limit: str, outside: str, inside: str) -> str:
    """`inside` between -limit and limit, else `outside` with the sign of the difference."""
    return f"({difference} <= -{limit} ? -({outside}) : ({difference} >= {limit} ? {outside} : {inside}))"


def _plus(x: str, y: str, alpha: str | None = None) -> str:
    return f"{x} + {y}" if alpha is None else f"__builtin_fmaf({alpha}, {y}, {x})"


def _minus(x: str, y: str, alpha: str | None = None) -> str:
    return f"{x} - {y}" if alpha is None else f"__builtin_fmaf(-{alpha}, {y}, {x})"


ELEMENTWISE: dict[Any, Term] = {
    aten.relu.default: lambda x: f"({x} < 0 ? 0 : {x})",
    aten.threshold_backward.default: lambda g, x, limit: f"({x} <= {limit} ? 0 : {g})",
    aten.leaky_relu.default: lambda x, slope="0.01f": f"({x} > 0 ? {x} : {x} * {slope})",
    aten.leaky_relu_backward.default: lambda g, x, slope, _: f"({x} > 0 ? {g} : {g} * {slope})",
    aten.sigmoid_backward.default: lambda g, y: f"{g} * (1.0f - {y}) * {y}",
    aten.tanh_backward.default: lambda g, y: f"{g} * __builtin_fmaf(-{y}, {y}, 1.0f)",
    aten.neg.default: lambda x: f"-{x}",
    aten.abs.default: lambda x: f"fabsf({x})",
    aten.sgn.default: lambda x: f"(float)(({x} > 0) - ({x} < 0))",
    aten.sign.default: lambda x: f"(float)(({x} > 0) - ({x} < 0))",
    aten.clone.default: lambda x, **_: f"{x}",
    aten.mul.Tensor: lambda x, y: f"{x} * {y}",
    aten.mul.Scalar: lambda x, y: f"{x} * {y}",
    aten.div.Tensor: lambda x, y: f"{x} / {y}",
    aten.div.Scalar: lambda x, y: f"{x} / {y}",
    aten.add.Tensor: _plus,
    aten.add.Scalar: _plus,
    aten.sub.Tensor: _minus,
    aten.sub.Scalar: _minus,
    aten.rsub.Scalar: lambda x, y, alpha=None: _minus(y, x, alpha),
}
APPROXIMATED: dict[Any, Term] = {
    aten.sigmoid.default: lambda x: f"logistic({x})",
    aten.tanh.default: lambda x: f"hyperbolic_tangent({x})",
    aten.exp.default: lambda x: f"exponential({x})",
    aten.log.default: lambda x: f"logf({x})",
    aten.sqrt.default: lambda x: f"sqrtf({x})",
    aten.pow.Tensor_Tensor: lambda x, y: f"powf({x}, {y})",
    aten.pow.Tensor_Scalar: lambda x, exponent: f"powf({x}, {exponent})",
}
LOSSES: dict[Any, Term] = {
    aten.mse_loss.default: lambda x, y: f"({x} - {y}) * ({x} - {y})",
    aten.huber_loss.default: lambda x, y, delta="1.0f": (
        f"(fabsf({x} - {y}) < {delta} ? 0.5f * ({x} - {y}) * ({x} - {y}) : "
        f"{delta} * (fabsf({x} - {y}) - 0.5f * {delta}))"
    ),
    aten.smooth_l1_loss.default: lambda x, y, beta="1.0f": (
        f"(fabsf({x} - {y}) < {beta} ? 0.5f * ({x} - {y}) * ({x} - {y}) / {beta} : fabsf({x} - {y}) - 0.5f * {beta})"
    ),
}
LOSS_GRADIENTS: dict[Any, Term] = {
    aten.mse_loss_backward.default: lambda x, y, share, g: f"2.0f * {share} * ({x} - {y}) * {g}",
    aten.huber_loss_backward.default: lambda x, y, share, g, delta: _clipped(
        f"({x} - {y})", delta, f"{share} * {g} * {delta}", f"{share} * ({x} - {y}) * {g}"
    ),
    aten.smooth_l1_loss_backward.default: lambda x, y, share, g, beta: _clipped(
        f"({x} - {y})", beta, f"{share} * {g}", f"{share} * ({x} - {y}) * {g} / {beta}"
    ),
}


def write_operations(program: Program, places: Places) -> SharedLoops:
    """The loops that compute a recorded program's results.

    Raises:
        CannotRecord: if an operation is not covered.
    """
    for operation in program.operations:
        write_operation(operation, places)
    results = {memory(tensor) for tensor in program.results if tensor is not None}
    between = program.made() - results
    return SharedLoops(places.loops, {places.numbers[piece] for piece in between if piece in places.numbers})


def write_operation(operation: Operation, places: Places) -> None:
    """Write down the loops that perform a recorded operation; nothing for a view.

    Raises:
        CannotRecord: if the operation is not covered.
    """
    function, output = operation.function, operation.output
    if not isinstance(output, Tensor) or operation.mutated():
        raise CannotRecord(f"a native step does not cover {function}")
    args = [value.detach() if isinstance(value, Tensor) else value for value in operation.args]
    if memory(output) in {memory(tensor) for tensor in operation.inputs()}:
        return
    if function in ELEMENTWISE:
        _elementwise(places, output, ELEMENTWISE[function], args, operation.kwargs)
    elif function is aten.pow.Tensor_Scalar and args[1] in (1, 2, 3):
        _elementwise(places, output, lambda x: " * ".join([x] * int(args[1])), args[:1], {})
    elif function in APPROXIMATED:
        if not places.calls_routine(function, output, args):
            _elementwise(places, output, APPROXIMATED[function], args, operation.kwargs)
    elif function in LOSSES:
        _loss(places, output, LOSSES[function], args)
    elif function in LOSS_GRADIENTS:
        _loss_gradient(places, output, LOSS_GRADIENTS[function], args)
    elif function in SUMS:
        SUMS[function](places, output, *args)
    else:
        raise CannotRecord(f"a native step does not cover {function}")


def _elementwise(places: Places, output: Tensor, term: Term, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    tensors = [value for value in args if isinstance(value, Tensor)]
    numbers = {name: literal(value) for name, value in kwargs.items() if isinstance(value, int | float)}

    def statement(target: str, elements: list[str]) -> str:
        names = iter(elements)
        values = [next(names) if isinstance(value, Tensor) else literal(value) for value in args]
        return f"{target} = {term(*values, **numbers)};"

    places.elementwise(output, tensors, statement)


def _count(reduction_kind: int, num_elements: int) -> int:
    """What a loss is divided by: torch's codes 1 for the mean, 2 for the sum."""
    if reduction_kind not in (1, 2):
        raise CannotRecord("a native step covers losses that are a mean or a sum")
    return num_elements if reduction_kind == 1 else 1


def _loss(places: Places, output: Tensor, term: Term, args: Sequence[Any]) -> None:
    prediction, target = args[:2]
    kind, *numbers = args[2:] or [1]
    shape = list(np.broadcast_shapes(prediction.shape, target.shape))  # torch's own imports SymPy, half a second
    values = [literal(number) for number in numbers]
    count = _count(kind, math.prod(shape))
    places.reduction(output, [prediction, target], shape, range(len(shape)), lambda e: term(*e, *values), count)


def _loss_gradient(places: Places, output: Tensor, term: Term, args: Sequence[Any]) -> None:
    outer, prediction, target, kind, *numbers = args
    share = literal(1.0 / _count(kind, output.numel()))
    values = [literal(number) for number in numbers]
    places.elementwise(output, [outer, prediction, target], lambda o, e: f"{o} = {term(*e[1:], share, e[0], *values)};")


def _sum(places: Places, output: Tensor, x: Tensor, axes: Any = None, *_: Any, mean: bool = False) -> None:
    chosen = [axis % x.dim() for axis in axes] if axes else list(range(x.dim()))
    count = math.prod(x.shape[axis] for axis in chosen) if mean else 1
    places.reduction(output, [x], x.shape, chosen, lambda e: e[0], count)


SUMS: dict[Any, Callable[..., None]] = {
    aten.sum.default: _sum,
    aten.sum.dim_IntList: _sum,
    aten.mean.default: lambda *given: _sum(*given, mean=True),
    aten.mean.dim: lambda *given: _sum(*given, mean=True),
    aten.mm.default: lambda places, output, x, y: places.product(output, x, y),
    aten.addmm.default: lambda places, output, bias, x, y: places.product(output, x, y, bias),
    aten.mv.default: lambda places, output, x, v: places.product(output[:, None], x, v[:, None]),
    aten.dot.default: lambda places, output, u, v: places.product(output[None, None], u[None], v[:, None]),
}
