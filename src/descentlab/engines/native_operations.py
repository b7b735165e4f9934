"""The ATen operations that a native step covers, each as C."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from descentlab.engines.native_loops import Places, literal
from descentlab.engines.record import CannotRecord, Operation
from descentlab.engines.reuse import memory

aten = torch.ops.aten

EXPONENTIAL = """
/* exp(x) with a relative error below 2.5e-7; inf above 88.7, 0 below -103.9, NaN stays NaN.
   exp(x) = 2^k exp(f), |f| <= log(2)/2, with the polynomial of Cephes' expf (Moshier, 1992). */
static inline float exponential(float x) {
    float c = x > 89.0f ? 89.0f : x;
    c = c < -104.0f ? -104.0f : c;
    float k = rintf(c * 1.44269504f);
    float f = c - k * 0.693359375f;
    f = f + k * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * f + 1.3981999507e-3f;
    p = p * f + 8.3334519073e-3f;
    p = p * f + 4.1665795894e-2f;
    p = p * f + 1.6666665459e-1f;
    p = p * f + 5.0000001201e-1f;
    p = p * f * f + f + 1.0f;
    union { int i; float f; } a, b;
    int whole = (int)k, half = whole >> 1;
    a.i = (half + 127) << 23;
    b.i = (whole - half + 127) << 23;
    return p * a.f * b.f;
}
"""

Term = Callable[..., str]


def _clipped(difference: str, limit: str, inside: str) -> str:
    """`inside` between -limit and limit, else 1 with the sign of the difference."""
    return f"({difference} <= -{limit} ? -1.0f : ({difference} >= {limit} ? 1.0f : {inside}))"


def _power(base: str, exponent: Any) -> str:
    if isinstance(exponent, int | float) and exponent in (1, 2, 3):
        return f"({' * '.join([base] * int(exponent))})"
    return f"powf({base}, {exponent if isinstance(exponent, str) else literal(exponent)})"


ELEMENTWISE: dict[Any, Term] = {
    aten.relu.default: lambda x: f"({x} < 0 ? 0 : {x})",
    aten.threshold_backward.default: lambda g, x, limit: f"({x} <= {limit} ? 0 : {g})",
    aten.leaky_relu.default: lambda x, slope="0.01f": f"({x} > 0 ? {x} : {x} * {slope})",
    aten.leaky_relu_backward.default: lambda g, x, slope, _: f"({x} > 0 ? {g} : {g} * {slope})",
    aten.sigmoid.default: lambda x: f"1.0f / (1.0f + exponential(-{x}))",
    aten.sigmoid_backward.default: lambda g, y: f"{g} * (1.0f - {y}) * {y}",
    aten.tanh.default: lambda x: f"tanhf({x})",
    aten.tanh_backward.default: lambda g, y: f"{g} * (1.0f - {y} * {y})",
    aten.exp.default: lambda x: f"exponential({x})",
    aten.log.default: lambda x: f"logf({x})",
    aten.sqrt.default: lambda x: f"sqrtf({x})",
    aten.neg.default: lambda x: f"-{x}",
    aten.abs.default: lambda x: f"fabsf({x})",
    aten.sgn.default: lambda x: f"(float)(({x} > 0) - ({x} < 0))",
    aten.sign.default: lambda x: f"(float)(({x} > 0) - ({x} < 0))",
    aten.clone.default: lambda x, **_: f"{x}",
    aten.pow.Tensor_Tensor: lambda x, y: f"powf({x}, {y})",
    aten.mul.Tensor: lambda x, y: f"{x} * {y}",
    aten.mul.Scalar: lambda x, y: f"{x} * {y}",
    aten.div.Tensor: lambda x, y: f"{x} / {y}",
    aten.div.Scalar: lambda x, y: f"{x} / {y}",
    aten.add.Tensor: lambda x, y, alpha="1": f"{x} + {alpha} * {y}",
    aten.add.Scalar: lambda x, y, alpha="1": f"{x} + {alpha} * {y}",
    aten.sub.Tensor: lambda x, y, alpha="1": f"{x} - {alpha} * {y}",
    aten.sub.Scalar: lambda x, y, alpha="1": f"{x} - {alpha} * {y}",
    aten.rsub.Scalar: lambda x, y, alpha="1": f"{y} - {alpha} * {x}",
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
    aten.mse_loss_backward.default: lambda x, y: f"2.0f * ({x} - {y})",
    aten.huber_loss_backward.default: lambda x, y, delta: (
        f"{delta} * {_clipped(f'({x} - {y})', delta, f'({x} - {y}) / {delta}')}"
    ),
    aten.smooth_l1_loss_backward.default: lambda x, y, beta: _clipped(f"({x} - {y})", beta, f"({x} - {y}) / {beta}"),
}


def write_operation(operation: Operation, places: Places) -> None:
    """Write down the loops that perform a recorded operation; nothing for a view.

    Raises:
        CannotRecord: if the operation is not covered.
    """
    function, args, output = operation.function, operation.args, operation.output
    if not isinstance(output, Tensor) or operation.mutated():
        raise CannotRecord(f"a native step does not cover {function}")
    if memory(output) in {memory(tensor) for tensor in operation.inputs()}:
        return
    if function in ELEMENTWISE:
        _elementwise(places, output, ELEMENTWISE[function], args, operation.kwargs)
    elif function is aten.pow.Tensor_Scalar:
        _elementwise(places, output, lambda x: _power(x, args[1]), args[:1], {})
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


def _share(reduction_kind: int, num_elements: int) -> float:
    """What one element counts: torch's codes 1 for the mean, 2 for the sum."""
    if reduction_kind not in (1, 2):
        raise CannotRecord("a native step covers losses that are a mean or a sum")
    return 1.0 / num_elements if reduction_kind == 1 else 1.0


def _loss(places: Places, output: Tensor, term: Term, args: Sequence[Any]) -> None:
    prediction, target = args[:2]
    kind, *numbers = args[2:] or [1]
    shape = list(torch.broadcast_shapes(prediction.shape, target.shape))
    share = _share(kind, math.prod(shape))
    values = [literal(number) for number in numbers]
    places.reduction(output, [prediction, target], shape, range(len(shape)), lambda e: term(*e, *values), share)


def _loss_gradient(places: Places, output: Tensor, term: Term, args: Sequence[Any]) -> None:
    outer, prediction, target, kind, *numbers = args
    share = literal(_share(kind, output.numel()))
    values = [literal(number) for number in numbers]
    places.elementwise(
        output,
        [outer, prediction, target],
        lambda o, e: f"{o} = {term(*e[1:], *values)} * {share} * {e[0]};",
    )


def _sum(places: Places, output: Tensor, x: Tensor, axes: Any = None, *_: Any, mean: bool = False) -> None:
    chosen = [axis % x.dim() for axis in axes] if axes else list(range(x.dim()))
    count = math.prod(x.shape[axis] for axis in chosen)
    places.reduction(output, [x], x.shape, chosen, lambda e: e[0], 1.0 / count if mean else 1.0)


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
