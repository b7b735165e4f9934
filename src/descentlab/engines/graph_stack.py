"""Many nets trained as one on a GPU: each step is one replay of captured kernels, and nobody waits for a value.

The recorded step of all members (stacked_gradient.py) and their updates work on memory that stays where it is.
What changes from step to step, the losses' row and the rates, is found by a count that lies on the device, too.
Each member's end and divergence are masks there, so that the step is the same for whoever takes part in it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from descentlab.engines.checked_stack import CheckedStack
from descentlab.engines.graph import Graph
from descentlab.engines.near import are_near, rows_are_near
from descentlab.engines.problem import Loss, rows_within
from descentlab.engines.stack import SEGMENT
from descentlab.engines.stack_batches import Batch, StackBatches
from descentlab.engines.stack_trace import StackTrace, over_members
from descentlab.engines.step_rows import StepRows


class GraphStack(CheckedStack):
    """A stack whose parameters, state and points lie on a device.

    The arguments are those of `Stack`, on the CPU; what it gives back of losses and rows lies there again.

    Args:
        device: where the steps are performed.

    Raises:
        CannotRecord: if the net cannot be stacked or captured there, or comes to other numbers than on the CPU.
    """

    own_name = "graph"

    def __init__(
        self,
        net: nn.Module,
        parameters: dict[str, Tensor],
        batches: StackBatches,
        *,
        device: torch.device,
        **given: Any,
    ) -> None:
        self._device = device
        super().__init__(net, _moved(parameters, device), batches.to(device), **given)

    def agrees(
        self,
        expected: Float[Tensor, "member number"],
        ours: Float[Tensor, "member number"],
        spread: Float[Tensor, "member 1"],
    ) -> bool:
        return rows_are_near(expected, ours, spread)

    def _prepare(self, net: nn.Module, loss: Loss, buffers: dict[str, Tensor]) -> None:
        super()._prepare(copy.deepcopy(net).to(self._device), loss, _moved(buffers, self._device))
        self._make_places()
        self._graphs: dict[tuple[int, bool], tuple[Batch, Graph]] = {}
        self.name = self.own_name
        self._compare(net, loss, buffers)

    def _members_alone(self, *given: Any) -> None:
        """Nothing: its sums are the device's."""

    def _replays(self, expected: Any, ours: Any) -> bool:
        return are_near(expected, ours)

    def advance_fast(self, num_steps: int, rows: range) -> StackTrace:
        before = self.steps
        self._alive.copy_(~self.diverged)
        self._steps.copy_(self.steps)
        self._last_steps.copy_(self.last_steps)
        losses, table = torch.empty(num_steps, self.num_members, dtype=self.dtype), []
        for start, stop in pairwise([*range(0, num_steps, SEGMENT), num_steps]):
            table.append(self._perform_segment(rows_within(rows, start, stop), losses[start:stop]))
        self.steps, self.diverged = self._steps.cpu(), ~self._alive.cpu()
        self._was_frozen, self.kept = self._frozen(), self._moving()
        parameters_of_all = torch.cat(table) if rows and table else None
        return StackTrace(losses, parameters_of_all, self.steps - before, self.diverged.clone())

    # ---- on the device

    def _make_places(self) -> None:
        """What a step reads and writes besides the parameters and their state."""
        device = self._device
        losses = torch.empty(self.num_members, dtype=self.dtype, device=device)
        self._rows = StepRows(SEGMENT, self.numbers.table(0, 1)[0], losses)
        self._alive = torch.empty(self.num_members, dtype=torch.bool, device=device)
        self._steps = torch.empty(self.num_members, dtype=torch.long, device=device)
        self._last_steps = torch.empty(self.num_members, dtype=torch.long, device=device)
        self._before = self._moving()

    def _perform_segment(
        self, rows: range, losses: Float[Tensor, "step member"]
    ) -> Float[Tensor, "row member parameter"]:
        """As many steps as there are rows of losses, which are filled; gives the parameters before those of `rows`."""
        count, are_constant = len(losses), self.numbers.are_constant
        self._rows.begin(self.numbers.table(self.step, self.step + (1 if are_constant else count)))
        if are_constant:
            self._rows.take()
        flat = [parameter.reshape(self.num_members, -1) for parameter in self.parameters.values()]
        num_columns = sum(each.shape[1] for each in flat)
        table = torch.empty(len(rows), self.num_members, num_columns, dtype=self.dtype, device=self._device)
        places: Iterator[Tensor] = iter(table.unbind())
        for index in range(count):
            batch = self.batches.next()
            points, graph = self._graph(*batch, is_first=self.step == 0)
            with torch.inference_mode():
                if index in rows:
                    torch.cat(flat, dim=1, out=next(places))
                for place, values in zip(points, batch, strict=True):
                    if place is not values:
                        place.copy_(values)
                graph()
            self.step += 1
        losses.copy_(self._rows.losses(count))
        return table.cpu()

    def _graph(self, x: Tensor, y: Tensor, is_first: bool) -> tuple[Batch, Graph]:
        """The step for batches as large as this one, and where it reads them."""
        key = x.shape[-2], is_first
        if key not in self._graphs:
            points = (x, y) if self.batches.is_full else (x.clone(), y.clone())
            self._graphs[key] = points, Graph(self._guarded_step(points, is_first), self._device)
        return self._graphs[key]

    def _guarded_step(self, points: Batch, is_first: bool) -> Callable[[], None]:
        """A step that the members take part in that are alive and not at their end; one that it leads out of the
        finite numbers gets back what it had before."""
        step = self._step_function(*points, is_first)
        given = () if self.batches.is_full else points
        rates = self._shaped_rates()
        moving = [(value, self._before[name]) for name, value in self._moving_places().items()]
        has_new_rates = not self.numbers.are_constant
        nan = torch.full((), torch.nan, dtype=self.dtype, device=self._device)

        def perform() -> None:
            if has_new_rates:
                self._rows.take()
            for value, before in moving:
                before.copy_(value)
            losses = step(*given, *rates)
            is_finite = torch.isfinite(losses) & self._finite_members()
            is_active = self._alive & (self._steps < self._last_steps)
            goes_on = is_active & is_finite
            for value, before in moving:
                torch.where(over_members(goes_on, value), value, before, out=value)
            self._alive.logical_and_(is_finite | ~is_active)
            self._steps.add_(goes_on)
            self._rows.leave(torch.where(is_active, losses, nan))

        return perform

    # ---- numbers

    def _shaped_rates(self) -> list[Tensor]:
        """Views of the present rates in the order of the step's arguments."""
        return [
            column.reshape(-1, *[1] * (dim - 1)) for column in self._rows.rates.unbind() for dim in sorted(self.dims)
        ]

    def _tensor_numbers(self) -> frozenset[str]:
        return self.numbers.per_member() | frozenset(self.numbers.of_step(0))

    def _fixed_numbers(self) -> dict[str, Any]:
        return _moved(super()._fixed_numbers(), self._device)


def _moved(values: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """The tensors among the values on the device, each in one piece."""
    return {
        name: value.to(device).contiguous() if isinstance(value, Tensor) else value for name, value in values.items()
    }
