"""Operations on all members of a stack that give each the bits of a lone net.

Two kinds of operations round by where a number lies. A product of matrices adds up its terms in an order that
depends on the sizes, on how the factors lie, and on where in a cache line they and the result begin. A function
such as the logistic one is computed in vectors, and otherwise for what is left at the end. Both are performed here
member by member, as a lone net performs them; all others are left as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._ops import OpOverload

from descentlab.engines.calls import fills_given_memory
from descentlab.engines.member_form import member_form
from descentlab.engines.program import Place, place
from descentlab.engines.record import DispatchMode, Operation
from descentlab.engines.reuse import memory

NUM_TRIED = 4096
"""Numbers on which an operation shows if it rounds in another way."""

NUM_TRIED_MEMBERS = 4
"""Members, at least, on whose products it shows."""

MANY_TERMS = 32768
"""Terms of a matrix times a vector from which torch takes longer for a batch than for one after another."""

Layout = tuple[tuple[int, ...], tuple[int, ...], torch.dtype]
"""The shape, the strides and the type of a tensor."""

aten = torch.ops.aten


class MemberByMember(DispatchMode):
    """Performs what `vmap` makes of a step so that each member gets its lone net's bits.

    Args:
        num_members: the size of the first axis of what belongs to members.
    """

    def __init__(self, num_members: int) -> None:
        super().__init__()
        self._num_members = num_members
        self._products: dict[Place, tuple[Tensor, Tensor, Tensor]] = {}
        self._biases: dict[int, tuple[Tensor, Tensor]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is aten.bmm.default:
            return self._product(*args)
        if func is aten.add.Tensor and not kwargs and (found := self._sum(*args)) is not None:
            return found
        output = func(*args, **kwargs)
        if func is aten.mul.Scalar and args[1] == 1:
            self._biases[memory(output)] = args[0], output
        if self._is_alike(Operation(func, args, kwargs, output)):
            numbers = tuple(None if isinstance(value, Tensor) else value for value in args)
            if _depends_on_place(func, numbers, tuple(kwargs.items()), output.dtype):
                return member_form(func)(*args, **kwargs)
        return output

    def _product(self, left: Tensor, right: Tensor) -> Tensor:
        """A batch of products; one after another where only that gives a lone net's bits, or is faster."""
        own = member_form(aten.mm.default)
        is_batched = not _is_long(left, right) and _agree(torch.bmm, own, _layouts(left, right))
        product = torch.bmm(left, right) if is_batched else own(left, right)
        self._products[place(product)] = left, right, product
        return product

    def _sum(self, bias: Any, product: Any) -> Tensor | None:
        """The sum of a product and a bias, two operations that `vmap` makes of `addmm`; None where they can stay, or
        are something else."""
        if not (isinstance(product, Tensor) and place(product) in self._products):
            return None
        if not (isinstance(bias, Tensor) and memory(bias) in self._biases):
            return None
        left, right, _ = self._products[place(product)]
        given = self._biases[memory(bias)][0], left, right
        if given[0].shape != (len(left), right.shape[2]):
            return None
        own = member_form(aten.addmm.default)
        is_batched = not _is_long(left, right) and _agree(_product_and_sum, own, _layouts(*given))
        return None if is_batched else own(*given)

    def _is_alike(self, operation: Operation) -> bool:
        """True if the operation makes a new tensor of the members, and takes only tensors of the same shape."""
        if not fills_given_memory(operation) or operation.mutated():
            return False
        shape, dtype = operation.output.shape, operation.output.dtype
        return (
            shape[:1] == (self._num_members,)
            and all(tensor.shape == shape and tensor.dtype == dtype for tensor in operation.inputs())
            and all(isinstance(value, Hashable) for value in (*operation.args, *operation.kwargs.values()))
        )


@cache
def _depends_on_place(
    function: OpOverload, numbers: tuple[Any, ...], keywords: tuple[tuple[str, Any], ...], dtype: torch.dtype
) -> bool:
    """True if an elementwise operation gives other bits for numbers that lie apart, which it takes one by one.

    Args:
        function: the operation.
        numbers: its arguments, None for each tensor.
        keywords: its keyword arguments.
        dtype: of the tensors.
    """
    tensors = range(sum(value is None for value in numbers))
    apart = [torch.linspace(-4, 4 + 2 * k, 2 * NUM_TRIED, dtype=dtype)[::2] for k in tensors]

    def of(tensors: list[Tensor]) -> Tensor:
        given = iter(tensors)
        result: Tensor = function(*(next(given) if value is None else value for value in numbers), **dict(keywords))
        return result

    return not _are_same(of(apart), of([tensor.contiguous() for tensor in apart]))


def _product_and_sum(bias: Tensor, left: Tensor, right: Tensor) -> Tensor:
    return torch.add(bias[:, None], torch.bmm(left, right))


def _is_long(left: Tensor, right: Tensor) -> bool:
    return 1 in left.shape[1:] + right.shape[1:] and left[0].numel() * right.shape[2] >= MANY_TERMS


def _layouts(*tensors: Tensor) -> tuple[Layout, ...]:
    return tuple((tuple(tensor.shape), tensor.stride(), tensor.dtype) for tensor in tensors)


@cache
def _agree(batched: Callable[..., Tensor], own: Callable[..., Tensor], layouts: tuple[Layout, ...]) -> bool:
    """True if two forms of the members' products, whose factors come last, give the same bits for such tensors."""
    (_, num_rows, _), (_, _, num_columns) = layouts[-2][0], layouts[-1][0]
    num_members = max(NUM_TRIED_MEMBERS, NUM_TRIED // (num_rows * num_columns))
    given = []
    for number, (shape, strides, dtype) in enumerate(layouts):
        some = num_members, *shape[1:]
        length = 1 + sum((size - 1) * stride for size, stride in zip(some, strides, strict=True))
        given.append(torch.arange(length, dtype=dtype).mul_(1.7 + number).sin_().as_strided(some, strides))
    return _are_same(batched(*given), own(*given))


def _are_same(first: Tensor, second: Tensor) -> bool:
    """True if all numbers are the same, found without an operation that a record takes for one of the step."""
    return np.array_equal(first.double().numpy(), second.double().numpy(), equal_nan=True)
