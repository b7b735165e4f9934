"""Gradient steps on a GPU, each one replay of captured kernels.

The recorded step works on memory that stays where it is; its rates and its loss lie in rows that it finds by a
count on the device, so that no step waits for a value.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from descentlab.engines.graph import Graph
from descentlab.engines.near import are_near
from descentlab.engines.recorded import RecordedEngine, layout_of
from descentlab.engines.row_table import RowTable
from descentlab.engines.step_rows import StepRows


class GraphEngine(RecordedEngine):
    """Captures the problem's recorded step and replays it; an optimiser without an update rule is called itself.

    Args:
        problem: what is trained, on a device, with its batches.

    Raises:
        CannotRecord: with the reason, if the step cannot be replayed there; the problem is unchanged.
    """

    num_checked_steps = 10  # of which the last are replays
    takes_tensors = True

    def _prepare(self) -> None:
        self._rows: StepRows | None = None
        self._graphs: dict[Any, tuple[list[Tensor], tuple[Tensor, Tensor], Graph]] = {}
        super()._prepare()
        self.name = "recorded" if self._updates is None else "graph"

    def _replays(self, eager: Any, ours: Any) -> bool:
        return are_near(eager, ours)

    def _perform_steps(
        self,
        indices: range,
        table: RowTable,
        state: dict[str, Tensor],
        first: frozenset[int],
        rates: list[tuple[Any, ...]],
    ) -> Float[Tensor, " step"]:
        loss = self.problem.trainable()[0].detach().new_empty(())
        numbers = torch.tensor(rates, dtype=torch.float64).to(loss.dtype)
        if self._rows is None:
            self._rows = StepRows(self.segment, numbers[0], loss)
        rows = self._rows
        rows.begin(numbers)
        batches = list(self._next_batches(1 if self.problem.batches.is_full else len(indices)))
        graphs = [self._graph(x, y, state, first, rows) for x, y in batches]
        with torch.inference_mode():
            for index, batch, (points, graph) in zip(indices, cycle(batches), cycle(graphs), strict=False):
                if index in table.rows:
                    table.keep()
                for place, values in zip(points, batch, strict=True):
                    if place is not values:
                        place.copy_(values)
                graph()
        return rows.losses(len(indices)).clone()

    def _graph(
        self, x: Tensor, y: Tensor, state: dict[str, Tensor], first: frozenset[int], rows: StepRows
    ) -> tuple[tuple[Tensor, Tensor], Graph]:
        """The step for batches like this one, and where it reads them."""
        key = layout_of(x, y), first
        tensors, points, graph = self._graphs.get(key, ([], (x, y), None))
        if graph is None or any(a is not b for a, b in zip(tensors, state.values(), strict=True)):
            points = (x, y) if self.problem.batches.is_full else (x.clone(), y.clone())
            graph = Graph(self._row_step(points, state, first, rows), self.problem.device)
            self._graphs[key] = list(state.values()), points, graph
        return points, graph

    def _row_step(
        self, points: tuple[Tensor, Tensor], state: dict[str, Tensor], first: frozenset[int], rows: StepRows
    ) -> Callable[[], None]:
        """The step that takes its rates from the present row, and leaves its loss there."""
        step = self._step(*points, state, first)
        given = () if self.problem.batches.is_full else points
        rates = rows.rates.unbind()

        def perform() -> None:
            rows.take()
            rows.leave(step(*given, *rates))

        return perform
