"""The hyperparameters of a stack: floats where the members agree, tensors with one value a member elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn, optim

from descentlab.engines.lines import Number
from descentlab.engines.updates import Group, Rule
from descentlab.errors import InputError

ON_OR_OFF = ("momentum", "weight_decay")
"""Hyperparameters of which zero means another update, not only another number."""


class MemberNumbers:
    """The numbers of an update rule for every member and step, with the bits that lone runs compute.

    What a lone run computes in Python floats is computed here in float64, member by member where torch's
    own functions round differently (powers), and rounded to the parameters' type last, as torch does when
    it is given a float.

    Args:
        optimizer: the class, as in a lone run.
        rule: its update rule.
        given: its keyword arguments; each number is a float or a tensor `[member]`, also inside `betas`.
        schedule: the learning rates `[step]` or `[step, member]`, or None for a constant one.
        num_members: how many members.
        dtype: of the parameters.

    Raises:
        InputError: if a number is impossible, has not one value a member, or is zero for some members only
            where zero means another update.
    """

    def __init__(
        self,
        optimizer: type[optim.Optimizer],
        rule: Rule,
        given: dict[str, Any],
        schedule: Tensor | None,
        num_members: int,
        dtype: torch.dtype,
    ) -> None:
        self.rule, self.schedule, self.num_members, self.dtype = rule, schedule, num_members, dtype
        given = {name: _per_member(name, value, num_members) for name, value in given.items()}
        self.given = given
        self.group = {**_defaults(optimizer, given, num_members), **given}
        if schedule is not None and schedule.shape[1:] not in ((), (num_members,)):
            raise InputError(
                f"the learning rates must have shape [step] or [step, {num_members}], not "
                f"{list(schedule.shape)}: give one column a member"
            )
        for name in ON_OR_OFF:
            value = self.group.get(name)
            if isinstance(value, Tensor) and bool((value == 0).any()):
                raise InputError(
                    f"{name} must be zero for all members of a stack or for none, not {value.tolist()}: make two stacks"
                )

    def of_member(self, member: int) -> dict[str, Any]:
        """The keyword arguments of a member's own optimiser."""
        return _of_member(self.given, member)

    def per_member(self) -> frozenset[str]:
        """The names of the numbers that are tensors."""
        numbers = self.rule.numbers(self.group) | self.of_step(0)
        return frozenset(name for name, value in numbers.items() if isinstance(value, Tensor))

    def fixed(self, dims: set[int]) -> dict[str, Number]:
        """The numbers that are the same at every step, for parameters of so many axes: name + `_axes`."""
        return self._shaped(self.rule.numbers(self.group), dims)

    def rate_names(self, dims: set[int]) -> list[str]:
        """The names of the numbers that are new at every step."""
        return list(self._shaped(self.of_step(0), dims))

    def rates(self, start: int, stop: int, dims: set[int]) -> list[tuple[Number, ...]]:
        """For the steps from `start` to before `stop`, the new numbers in the order of `rate_names`."""
        if self.are_constant:
            return [tuple(self._shaped(self.of_step(0), dims).values())] * (stop - start)
        return [tuple(self._shaped(self.of_step(step), dims).values()) for step in range(start, stop)]

    def table(self, start: int, stop: int) -> Float[Tensor, "step number column"]:
        """For the steps from `start` to before `stop`, the new numbers: a column a member, or one for all."""
        return self._in_columns([list(self.of_step(step).values()) for step in range(start, stop)])

    def fixed_columns(self) -> Float[Tensor, "number column"]:
        """The numbers that are the same at every step: a column a member, or one for all."""
        return self._in_columns([list(self.rule.numbers(self.group).values())])[0]

    @property
    def are_constant(self) -> bool:
        """True if every step has the same numbers."""
        return self.schedule is None and not self.rule.counts_steps

    def lr(self, step: int) -> Number:
        """The learning rate of a step."""
        if self.schedule is None:
            return self.group["lr"]
        if step >= len(self.schedule):
            raise InputError(f"the learning rates end after {len(self.schedule)} steps: give more rows")
        row = self.schedule[step].double()
        return float(row) if row.dim() == 0 else row

    def member_lr(self, step: int, member: int) -> float:
        """The learning rate of a member's step."""
        rate = self.lr(step)
        return float(rate[member]) if isinstance(rate, Tensor) else rate

    def of_step(self, step: int) -> dict[str, Number]:
        """The numbers of one step by name."""
        return self.rule.rates(self.group, self.lr(step), float(step + 1), power)

    def _shaped(self, numbers: dict[str, Number], dims: set[int]) -> dict[str, Number]:
        return {
            f"{name}_{dim}": self._rounded(value, dim) if isinstance(value, Tensor) else value
            for name, value in numbers.items()
            for dim in sorted(dims)
        }

    def _in_columns(self, rows: list[list[Number]]) -> Float[Tensor, "row number column"]:
        """The numbers rounded to the parameters' type."""
        if not any(isinstance(value, Tensor) for row in rows for value in row):
            flat = torch.tensor([value for row in rows for value in row], dtype=torch.float64)
            return flat.reshape(len(rows), -1 if rows else 0, 1).to(self.dtype)
        columns = [[torch.as_tensor(v, dtype=torch.float64).expand(self.num_members) for v in row] for row in rows]
        return torch.stack([torch.stack(row) for row in columns]).to(self.dtype)

    def _rounded(self, value: Float[Tensor, " member"], dim: int) -> Tensor:
        return value.to(self.dtype).reshape(-1, *[1] * (dim - 1))


def power(base: Number, exponent: float) -> Number:
    """base ** exponent by Python's own function, whose last bit torch's need not have."""
    if not isinstance(base, Tensor):
        return base**exponent
    values = base.tolist()
    known = {value: value**exponent for value in set(values)}
    return torch.tensor([known[value] for value in values], dtype=torch.float64)


def _per_member(name: str, value: Any, num_members: int) -> Any:
    """Tensors as float64, checked for their length, or as one float if the members agree."""
    if isinstance(value, tuple | list):
        return tuple(_per_member(name, item, num_members) for item in value)
    if not isinstance(value, Tensor):
        return value
    if value.shape != (num_members,):
        raise InputError(
            f"{name} must be a number or have one value for each of {num_members} members, not shape "
            f"{list(value.shape)}"
        )
    value = value.detach().double()
    return float(value[0]) if bool((value == value[0]).all()) else value


def _defaults(optimizer: type[optim.Optimizer], given: dict[str, Any], num_members: int) -> Group:
    """The optimiser's own defaults; making one for each member also refuses what it refuses."""
    parameter = nn.Parameter(torch.zeros(1))
    members = range(num_members) if _differs(given) else range(1)
    for member in members:
        try:
            made = optimizer([parameter], **_of_member(given, member))
        except ValueError as why:
            raise InputError(f"{optimizer.__name__} of member {member}: {why}") from why
    return {name: value for name, value in made.param_groups[0].items() if name != "params"}


def _differs(given: Any) -> bool:
    return any(isinstance(v, Tensor) or (isinstance(v, tuple) and _differs(dict(enumerate(v)))) for v in given.values())


def _of_member(given: dict[str, Any], member: int) -> dict[str, Any]:
    pick: Callable[[Any], Any] = lambda v: float(v[member]) if isinstance(v, Tensor) else v  # noqa: E731  a name for the type checker
    return {k: tuple(map(pick, v)) if isinstance(v, tuple) else pick(v) for k, v in given.items()}
