"""Many nets trained as one: each member gets the bits of its lone run.

The members' parameters lie in tensors with a leading `member` axis; one recorded step (record.py, under
`vmap`) updates them all, by the same table of update rules (updates.py) as a lone net. A member that has
reached its own last step, or has diverged, is frozen: the batched step goes on over its place, and what it
had is put back afterwards. So members never wait for, or disturb, each other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn, optim

from descentlab.engines.compile import compile_step
from descentlab.engines.lines import Lines
from descentlab.engines.member_numbers import MemberNumbers
from descentlab.engines.members_alone import MembersAlone
from descentlab.engines.problem import Loss
from descentlab.engines.program import Program
from descentlab.engines.record import CannotRecord
from descentlab.engines.same_bits import same_bits
from descentlab.engines.stack_batches import StackBatches
from descentlab.engines.stack_trace import StackTrace, over_members
from descentlab.engines.stacked_gradient import member_by_member, record_gradient, stacked_gradient
from descentlab.engines.updates import RULES

SEGMENT = 256
"""Steps whose losses and rates are held at once."""


class Stack:
    """Nets of one architecture, loss and optimiser, each with its own start, data and hyperparameters.

    Args:
        net: the template: its architecture, buffers and plain attributes hold for all members.
        parameters: every trainable parameter by its name in the net, `[member, ...]`; copied.
        batches: of the members, at their beginning.
        loss: `(prediction, target) -> scalar`.
        optimizer: one of the classes with an update rule: SGD, Adam, AdamW, RMSprop, Adagrad.
        hyperparameters: its keyword arguments; a number is a float or a tensor `[member]`.
        num_steps: the last step of each member, `[member]`, or of all.
        schedule: learning rates by step, `[step]` or `[step, member]`, instead of `lr`; None: constant.
        buffers: what the net holds beside and may differ between members, by name, `[member, ...]`: its buffers,
            and parameters that are not trained.

    Raises:
        CannotRecord: if the net or the optimiser cannot be stacked, with the reason.
        InputError: if the hyperparameters are impossible or need two stacks.
    """

    def __init__(
        self,
        net: nn.Module,
        parameters: dict[str, Tensor],
        batches: StackBatches,
        loss: Loss,
        optimizer: type[optim.Optimizer],
        hyperparameters: dict[str, Any],
        num_steps: Int[Tensor, " member"] | int,
        schedule: Tensor | None = None,
        buffers: dict[str, Tensor] | None = None,
    ) -> None:
        names = [name for name, parameter in net.named_parameters() if parameter.requires_grad]
        assert names == list(parameters), f"the net's trainable parameters are {names}, not {list(parameters)}"
        if optimizer not in RULES:
            raise CannotRecord(f"{optimizer.__name__} has no update rule")
        self.parameters = {name: value.detach().clone() for name, value in parameters.items()}
        first = next(iter(self.parameters.values()))
        self.num_members, self.dtype = len(first), first.dtype
        self.optimizer, self.rule = optimizer, RULES[optimizer]
        self.numbers = MemberNumbers(optimizer, self.rule, hyperparameters, schedule, self.num_members, self.dtype)
        if any(self.numbers.group.get(name) for name in self.rule.unsupported):
            raise CannotRecord(f"{optimizer.__name__} is asked for a variant that has no update rule")
        self.batches, self.step = batches, 0
        self.last_steps = torch.as_tensor(num_steps).expand(self.num_members).clone()
        self.steps = torch.zeros(self.num_members, dtype=torch.long)
        self.diverged = torch.zeros(self.num_members, dtype=torch.bool)
        self._was_frozen = self._frozen()
        self.state = self._initial_state()
        self.kept = self._moving()
        self.dims = {value.dim() for value in self.parameters.values()}
        self._prepare(net, loss, buffers or {})

    def _prepare(self, net: nn.Module, loss: Loss, buffers: dict[str, Tensor]) -> None:
        """Make ready what performs the steps: a record of them for each size of a batch, as it comes."""
        self._gradient_of = partial(stacked_gradient, net, loss, buffers=buffers)
        self._alone_on = partial(self._members_alone, net, loss, buffers)
        self._programs: dict[int, Program] = {}
        self._compiled: dict[tuple[int, bool], Callable[..., Tensor]] = {}
        self._program(*self.batches.peek())
        self.name = "recorded"

    # ---- training

    def advance(self, num_steps: int, rows: range = range(0)) -> StackTrace:
        """Perform `num_steps` updates of every member, fewer of those that end or diverge before.

        Args:
            num_steps: how many updates.
            rows: the local step indices, rising, before whose update the parameters are recorded.
        """
        start, running = self.state_dict(), ~self._frozen()
        losses, table = self._run(num_steps, rows, torch.zeros_like(self.diverged))
        suspects = running & ~self._finite_members() | self._lost(losses, start["steps"])
        if bool(suspects.any()):
            self.load_state_dict(start)
            losses, table = self._run(num_steps, rows, suspects)
        trace = StackTrace(losses, table, self.steps - start["steps"], self.diverged.clone())
        return trace.cut_at_ends(start["diverged"])

    def _run(
        self, num_steps: int, rows: range, suspects: Bool[Tensor, " member"]
    ) -> tuple[Float[Tensor, "step member"], Float[Tensor, "row member parameter"] | None]:
        """The steps; while one of the suspects is not frozen, every step is looked at."""
        losses: list[Tensor] = []
        table: list[Tensor] = []
        for start, stop in pairwise(self._marks(num_steps, rows)):
            if start in rows:
                table.append(self.flat_parameters())
            local = start
            while local < stop:
                watched = bool((suspects & ~self._frozen()).any())
                count = 1 if watched else stop - local
                local += count
                if bool(self._frozen().all()):
                    losses.append(torch.full((count, self.num_members), torch.nan, dtype=self.dtype))
                    self.step += count
                    continue
                before = self._moving() if watched else {}
                losses.append(self._perform(count))
                self.steps += (~self._frozen()).long() * count
                if watched:
                    self._stop_diverged(losses[-1][0], before)
                self._hold_frozen()
        empty = torch.empty(0, self.num_members, dtype=self.dtype)
        return torch.cat(losses) if losses else empty, torch.stack(table) if table else None

    def _marks(self, num_steps: int, rows: range) -> list[int]:
        ends = {end for last in self.last_steps if 0 < (end := int(last) - self.step) < num_steps}
        return sorted({*range(0, num_steps, SEGMENT), *rows, *ends, num_steps})

    def _perform(self, count: int) -> Float[Tensor, "step member"]:
        if count > 1 and self.step == 0:
            return torch.cat([self._perform(1), self._perform(count - 1)])
        is_first = self.step == 0
        rates = self.numbers.rates(self.step, self.step + count, self.dims)
        if self.batches.is_full:
            step = self._step_function(*self.batches.peek(), is_first)
            with torch.inference_mode():
                losses = [step(*numbers) for numbers in rates]
        else:
            losses = []
            for numbers in rates:
                batch = self.batches.next()
                step = self._step_function(*batch, is_first)
                with torch.inference_mode():
                    losses.append(step(*batch, *numbers))
        self.step += count
        return torch.stack(losses)

    def _program(self, x: Tensor, y: Tensor) -> Program:
        """The losses and gradients of batches as large as this one; recorded if there is no record."""
        size = x.shape[-2]
        if size not in self._programs:
            inputs = {} if self.batches.is_full else {"x": x, "y": y}
            gradient, alone = self._gradient_of(x, y), self._alone_on(x, y)
            self._programs[size] = record_gradient(gradient, self.parameters, inputs, self._replays, alone)
        return self._programs[size]

    def _members_alone(
        self, net: nn.Module, loss: Loss, buffers: dict[str, Tensor], x: Tensor, y: Tensor
    ) -> MembersAlone | None:
        """What the members' losses and gradients have to be, bit for bit, where that can be had."""
        own = self._gradient_of(x.expand(self.num_members, *x.shape[-2:]), y)
        return MembersAlone(net, loss, x, y, buffers, member_by_member(own, self.num_members))

    def _replays(self, expected: Any, ours: Any) -> bool:
        """True if losses and gradients of a replay are those of the definition: every bit of them."""
        return same_bits(expected, ours)

    def _step_function(self, x: Tensor, y: Tensor, is_first: bool) -> Callable[..., Tensor]:
        """Losses and updates for batches as large as this one: takes one unless it is full, and the new numbers."""
        key = x.shape[-2], is_first
        if key in self._compiled:
            return self._compiled[key]
        program, lines = self._program(x, y), Lines(self._tensor_numbers())
        for index, parameter in enumerate(self.parameters.values()):
            gradient = program.gradients[index]
            assert gradient is not None
            lines.suffix = f"_{parameter.dim()}"
            self.rule.write(lines, self.numbers.group, f"p{index}", gradient, f"s{index}_", is_first)
        names = program.names | self._fixed_numbers() | self.state
        arguments = [*([] if self.batches.is_full else ["x", "y"]), *self.numbers.rate_names(self.dims)]
        step = compile_step(program.lines + lines.lines, program.loss, arguments, names)(**names)
        self._compiled[key] = step
        return step

    def _tensor_numbers(self) -> frozenset[str]:
        """The names of the numbers that the lines are given as tensors."""
        return self.numbers.per_member()

    def _fixed_numbers(self) -> dict[str, Any]:
        """The numbers that are the same at every step."""
        return self.numbers.fixed(self.dims)

    # ---- ends and divergence

    def _frozen(self) -> Bool[Tensor, " member"]:
        return self.diverged | (self.steps >= self.last_steps)

    def running(self) -> Bool[Tensor, " member"]:
        """Which members have neither reached their last step nor diverged."""
        return ~self._frozen()

    def stop(self, members: Bool[Tensor, " member"]) -> None:
        """End members where they are: the step that they have reached is their last."""
        self.last_steps = torch.where(members, self.steps.minimum(self.last_steps), self.last_steps)
        self._hold_frozen()

    def _hold_frozen(self) -> None:
        """Put back the frozen members' values, and keep those of members that have just reached their end."""
        frozen = self._frozen()
        if not bool(frozen.any()):
            return
        new = frozen & ~self._was_frozen
        for name, tensor in self._moving_places().items():
            self.kept[name].copy_(torch.where(over_members(new, tensor), tensor, self.kept[name]))
            tensor.copy_(torch.where(over_members(frozen, tensor), self.kept[name], tensor))
        self._was_frozen = frozen

    def _stop_diverged(self, losses: Float[Tensor, " member"], before: dict[str, Tensor]) -> None:
        """Freeze the members that the last step has led out of the finite numbers, as they were before it."""
        lost = ~(torch.isfinite(losses) & self._finite_members()) & ~(self._was_frozen)
        self.diverged |= lost
        self.steps -= lost.long()
        for name, tensor in self._moving_places().items():
            tensor.copy_(torch.where(over_members(lost, tensor), before[name], tensor))

    def _finite_members(self) -> Bool[Tensor, " member"]:
        return torch.isfinite(self.flat_parameters()).all(dim=1)

    def _lost(self, losses: Tensor, begun: Int[Tensor, " member"]) -> Bool[Tensor, " member"]:
        """Which members have a loss that is not finite at one of the steps they took."""
        own = torch.arange(len(losses))[:, None] < (self.steps - begun)
        return (own & ~torch.isfinite(losses)).any(dim=0)

    # ---- state

    def flat_parameters(self) -> Float[Tensor, "member parameter"]:
        """A copy of each member's parameters, flattened and joined in the order they were given."""
        return torch.cat([p.reshape(self.num_members, -1) for p in self.parameters.values()], dim=1)

    def state_dict(self) -> dict[str, Any]:
        """All that training has changed, copied: loading it continues exactly."""
        return {
            "moving": self._moving(),
            "kept": {name: value.clone() for name, value in self.kept.items()},
            "was_frozen": self._was_frozen.clone(),
            "steps": self.steps.clone(),
            "last_steps": self.last_steps.clone(),
            "diverged": self.diverged.clone(),
            "step": self.step,
            "batches": self.batches.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave."""
        for name, tensor in self._moving_places().items():
            tensor.copy_(state["moving"][name])
            self.kept[name].copy_(state["kept"][name])
        self._was_frozen = state["was_frozen"].clone()
        self.steps, self.diverged = state["steps"].clone(), state["diverged"].clone()
        self.last_steps = state["last_steps"].clone()
        self.step = state["step"]
        self.batches.load_state_dict(state["batches"])

    def member(self, index: int) -> dict[str, Tensor]:
        """One member's parameters by name, copied to the CPU."""
        return {name: parameter[index].clone().cpu() for name, parameter in self.parameters.items()}

    def optimizer_states(self) -> dict[int, dict[str, Tensor]]:
        """What the lone runs' `optimizer.state_dict()["state"]` would hold on the CPU, each entry `[member, ...]`;
        of a member that made no step, zeros."""
        names = self.rule.state(self.numbers.group)
        if not (names or self.rule.counts_steps):
            return {}
        count = {"step": self.steps.float()} if self.rule.counts_steps else {}
        return {
            number: count | {name: self.state[f"s{number}_{name}"].clone().cpu() for name in names}
            for number in range(len(self.parameters))
        }

    def _initial_state(self) -> dict[str, Tensor]:
        start = float(self.numbers.group.get("initial_accumulator_value", 0.0))
        return {
            f"s{index}_{name}": torch.full_like(parameter, start)
            for index, parameter in enumerate(self.parameters.values())
            for name in self.rule.state(self.numbers.group)
        }

    def _moving_places(self) -> dict[str, Tensor]:
        """The tensors that a step changes."""
        return self.parameters | self.state

    def _moving(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self._moving_places().items()}
