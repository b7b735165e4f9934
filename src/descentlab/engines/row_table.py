"""The parameters before the steps that are asked for, written down as the run goes by."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from descentlab.engines.problem import Problem, rows_within


class RowTable:
    """Flattened parameters, a row for each of the steps `rows` of a run.

    Args:
        problem: whose trainable parameters are written down; their memory stays where it is during a run.
        rows: local step indices, rising.
        num_steps: of the run; rows from there on are left out.
    """

    def __init__(self, problem: Problem, rows: range, num_steps: int) -> None:
        self.rows = range(rows.start, min(rows.stop, num_steps), rows.step)
        parameters = [parameter.detach() for parameter in problem.trainable()]
        self._parameters = parameters
        self._is_flat = all(parameter.is_contiguous() for parameter in parameters)
        self._flat = [parameter.reshape(-1) for parameter in parameters]
        size = sum(flat.numel() for flat in self._flat)
        self._table = self._flat[0].new_empty(len(self.rows), size)
        self._places = self._table.unbind()
        self._filled = 0

    def keep(self) -> None:
        """Write down the parameters as they are now."""
        if not self._is_flat:  # then the flat ones are copies
            self._flat = [parameter.reshape(-1) for parameter in self._parameters]
        torch.cat(self._flat, out=self._places[self._filled])
        self._filled += 1

    def take(self, start: int, stop: int) -> tuple[Float[Tensor, "row parameter"], range]:
        """Rows to be filled by somebody else with the parameters before the steps from `start` to before `stop`
        that are asked for, and these steps, counted from `start`."""
        wanted = rows_within(self.rows, start, stop)
        places = self._table[self._filled : self._filled + len(wanted)]
        self._filled += len(wanted)
        return places, wanted

    def filled(self) -> Float[Tensor, "row parameter"] | None:
        """The rows written down; None if none were asked for."""
        return self._table[: self._filled] if self.rows else None
