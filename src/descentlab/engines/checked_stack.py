"""A stack that performs its steps in a way of its own, held against recorded and lone ones before it is used."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from descentlab.engines.lone_run import lone_run
from descentlab.engines.problem import Loss
from descentlab.engines.record import CannotRecord
from descentlab.engines.same_bits import same_bits
from descentlab.engines.stack import Stack
from descentlab.engines.stack_trace import StackTrace

NUM_COMPARED_STEPS = 10
NUM_COMPARED_MEMBERS = 16
NUM_LONE_MEMBERS = 3
NUM_ROUNDINGS = 100
"""What a sum in another order may be off, in roundings of a number: steps too large make more of them."""


class CheckedStack(Stack):
    """What the stacks share that are faster than the recorded one.

    A subclass gives `advance_fast` and says with `agrees` how near it has to come.
    """

    own_name: str

    def advance_fast(self, num_steps: int, rows: range) -> StackTrace:
        """As `advance`, in the way of this stack."""
        raise NotImplementedError("a faster stack says how it performs its steps")

    def advance(self, num_steps: int, rows: range = range(0)) -> StackTrace:
        if self.name == self.own_name:
            return self.advance_fast(num_steps, rows)
        return super().advance(num_steps, rows)

    def agrees(
        self,
        expected: Float[Tensor, "member number"],
        ours: Float[Tensor, "member number"],
        spread: Float[Tensor, "member 1"],
    ) -> bool:
        """True if losses or parameters of the first steps are close enough to the recorded stack's, given how far
        these come apart by roundings alone."""
        return same_bits(expected, ours)

    def _compare(self, net: nn.Module, loss: Loss, buffers: dict[str, Tensor]) -> None:
        """Refuse a built function whose first steps are not those of the recorded stack on some members.

        The recorded stack may add up wide products in another order than a lone net; of members that differ, lone
        runs decide.
        """
        some = torch.linspace(0, self.num_members - 1, min(self.num_members, NUM_COMPARED_MEMBERS)).long().unique()
        schedule = self.numbers.schedule
        recorded = Stack(
            net,
            {name: value[some].cpu() for name, value in self.parameters.items()},
            self.batches.of(some.tolist()),
            loss,
            self.optimizer,
            {name: _of_members(value, some) for name, value in self.numbers.given.items()},
            self.last_steps[some],
            schedule if schedule is None or schedule.dim() == 1 else schedule[:, some],
            {name: value[some] for name, value in buffers.items()},
        )
        count = NUM_COMPARED_STEPS if schedule is None else min(NUM_COMPARED_STEPS, len(schedule))
        start, started = self.state_dict(), recorded.state_dict()
        theirs, ours = recorded.advance(count), self.advance_fast(count, range(0))
        after = self.flat_parameters().cpu()
        pairs = [(theirs.losses.T, ours.losses.T[some]), (recorded.flat_parameters(), after[some])]
        self.load_state_dict(start)
        if not torch.equal(theirs.num_steps, ours.num_steps[some]):
            raise CannotRecord(f"{self.own_name} members end at other steps than recorded ones")
        if all(self.agrees(*pair, torch.zeros(len(some), 1)) for pair in pairs):
            return
        recorded.load_state_dict(started)
        spreads = _spreads(recorded, count, [expected for expected, _ in pairs])
        others = [
            k
            for k in range(len(some))
            if not all(
                self.agrees(expected[k : k + 1], found[k : k + 1], spread[k : k + 1])
                for (expected, found), spread in zip(pairs, spreads, strict=True)
            )
        ]
        for k in others[:: max(1, len(others) // NUM_LONE_MEMBERS)]:
            member = int(some[k])
            num_steps = int(ours.num_steps[member])
            lone = lone_run(
                net,
                {name: value[member].cpu() for name, value in (self.parameters | buffers).items()},
                self.batches.alone(member),
                loss,
                self.optimizer,
                self.numbers.of_member(member),
                [self.numbers.member_lr(step, member) for step in range(num_steps)],
            )
            own = ours.losses[:num_steps, member], after[member]
            if not all(
                self.agrees(expected[None], found[None], spread[k : k + 1])
                for expected, found, spread in zip(lone, own, spreads, strict=True)
            ):
                raise CannotRecord(f"the {self.own_name} step differs from the recorded one")


def _spreads(recorded: Stack, count: int, expected: list[Tensor]) -> list[Float[Tensor, "member 1"]]:
    """How far each member's losses and parameters come from the expected ones where it starts roundings beside."""
    rounding = NUM_ROUNDINGS * torch.finfo(recorded.dtype).eps
    for parameter in recorded.parameters.values():
        parameter.mul_(1 + rounding).add_(rounding)
    beside = recorded.advance(count).losses.T, recorded.flat_parameters()
    return [
        (theirs - ours).abs().nan_to_num(nan=0.0, posinf=torch.inf).amax(dim=1, keepdim=True)
        for theirs, ours in zip(expected, beside, strict=True)
    ]


def _of_members(value: Any, members: Int[Tensor, " member"]) -> Any:
    """A hyperparameter of some of the members."""
    if isinstance(value, tuple):
        return tuple(_of_members(item, members) for item in value)
    return value[members] if isinstance(value, Tensor) else value
