"""An operation on a lone net's tensors as one on those of all members of a stack, performed member by member."""

from __future__ import annotations

from functools import cache, partial
from itertools import repeat
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch._ops import OpOverload

from descentlab.engines.calls import filling_form
from descentlab.engines.record import Operation, tensors_in

ALIGNMENT = 64
"""Bytes of which a tensor's address is a multiple where torch makes one."""

PRODUCTS = (torch.ops.aten.mm.default, torch.ops.aten.addmm.default)
"""The operations whose last bits depend on all of a lone net's layout, and on where in a cache line it begins."""

_LIBRARY = torch.library.Library("descentlab", "FRAGMENT")
_FUNCTIONS: dict[Any, OpOverload] = {}
"""The operations, by what fills given memory with their results for all members."""


@cache
def member_form(function: OpOverload) -> OpOverload:
    """The operation with one more axis, that of the members, in front of each tensor that it takes and of its result.

    Args:
        function: gives one tensor, and has a form that writes it into given memory.
    """
    schema = str(function._schema)
    given = schema[schema.index("(") + 1 : schema.rindex(") -> ")]
    name = f"{function._schema.name.removeprefix('aten::')}_{function._overloadname}"
    _LIBRARY.define(f"{name}({given}) -> Tensor")
    _LIBRARY.define(f"{name}.out({given}, {'' if '*' in given else '*, '}Tensor(a!) out) -> Tensor(a!)")

    def fill(*args: Any, out: Tensor, **kwargs: Any) -> Tensor:
        return MemberCall(function)(*args, out=out, **kwargs)

    def make(*args: Any, **kwargs: Any) -> Tensor:
        first = function(*_of_first(args), **kwargs)
        shape = len(next(tensors_in(args))), *first.shape
        return fill(*args, out=first.new_empty_strided(shape, (first.numel(), *first.stride())), **kwargs)

    _LIBRARY.impl(name, make, "CPU")
    _LIBRARY.impl(f"{name}.out", fill, "CPU")
    packet = getattr(torch.ops.descentlab, name)
    _FUNCTIONS[packet.out._op] = function
    form: OpOverload = packet.default
    return form


def with_member_calls(names: dict[str, Any]) -> dict[str, Any]:
    """What the names of a program mean, where each operation that goes member by member has a `MemberCall` of its
    own."""
    calls = {name: value for name, value in names.items() if callable(value) and value in _FUNCTIONS}
    return names | {name: MemberCall(_FUNCTIONS[value]) for name, value in calls.items()}


class MemberCall:
    """Performs an operation so that each member's part comes out as if it were a lone net's tensor.

    A product is called for one member after another. Any other operation is called for every second member, and for
    those between: over parts with gaps torch goes one by one, and over parts without as if they were one.

    It remembers the parts of tensors that come again, as those of a program do.

    Args:
        function: the operation.
    """

    def __init__(self, function: OpOverload) -> None:
        self._function = function
        self._given: list[_Parts] = []
        self._result = _Parts(function in PRODUCTS)

    def __call__(self, *args: Any, out: Shaped[Tensor, "member ..."], **kwargs: Any) -> Shaped[Tensor, "member ..."]:
        if not self._given:
            self._given = [_Parts(self._function in PRODUCTS) for _ in args]
        for parts, value in zip(self._given, args, strict=True):
            parts.take(value)
            parts.read()
        if self._result.take(out):
            first = tuple(next(iter(parts.parts)) for parts in self._given)
            call, keyword = filling_form(Operation(self._function, first, kwargs, self._result.parts[0]))
            self._calls = [partial(call, **kwargs, **{keyword: place}) for place in self._result.parts]
        given = zip(*(parts.parts for parts in self._given), strict=False)
        for call, own in zip(self._calls, given, strict=True):
            call(*own)
        return self._result.written()


class _Parts:
    """The parts of an argument or of the result: of a product's each member's, which is aligned as a lone tensor."""

    def __init__(self, is_of_product: bool) -> None:
        self._is_of_product = is_of_product
        self._value: Any = None
        self._place: Any = None
        self.parts: Any = repeat(None)

    def take(self, value: Any) -> bool:
        """Let the parts be those of this value; returns whether they lie elsewhere than before."""
        if value is self._value:
            return False
        before, self._place = self._place, self._place_for(value)
        self._value = value
        if self._place is before:
            return False
        if not isinstance(value, Tensor):
            self.parts = repeat(value)
        else:
            self.parts = self._place.unbind() if self._is_of_product else (value[::2], value[1::2])
        return True

    def read(self) -> None:
        """Copy the value to where the parts are."""
        if self._place is not self._value:
            self._place.copy_(self._value)

    def written(self) -> Tensor:
        """The value, with what has been written to the parts."""
        value: Tensor = self._value
        return value if self._place is value else value.copy_(self._place)

    def _place_for(self, value: Any) -> Any:
        if not isinstance(value, Tensor) or not self._is_of_product or _is_aligned(value):
            return value
        is_copy = self._place is not self._value
        return self._place if is_copy and _layout(self._place) == _layout(value) else _aligned_like(value)


def _of_first(args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value[0] if isinstance(value, Tensor) else value for value in args)


def _layout(stacked: Tensor) -> tuple[Any, ...]:
    return stacked.shape, stacked.stride()[1:], stacked.dtype


def _is_aligned(stacked: Tensor) -> bool:
    size = stacked.element_size()
    return stacked.data_ptr() % ALIGNMENT == 0 and stacked.stride(0) * size % ALIGNMENT == 0


def _aligned_like(stacked: Tensor) -> Tensor:
    """Memory in which each member's part lies as it does here, and begins where a tensor of its own would."""
    strides, numbers = stacked.stride()[1:], ALIGNMENT // stacked.element_size()
    taken = 1 + sum((size - 1) * stride for size, stride in zip(stacked.shape[1:], strides, strict=True))
    return stacked.new_empty_strided(stacked.shape, (-(-taken // numbers) * numbers, *strides))
