"""A function that always works on the same memory, replayed by a GPU as one."""

from __future__ import annotations

from collections.abc import Callable

import torch

from descentlab.engines.record import CannotRecord

NUM_DIRECT_CALLS = 3
"""Calls before the capture: in them libraries set themselves up, which a capture does not allow."""


class Graph:
    """Calls a function; on a CUDA device its kernels are captured once, and started together from then on.

    Elsewhere each call is the function's.

    Args:
        function: reads and writes tensors that stay where they are, and reads no value back.
        device: of these tensors.
    """

    def __init__(self, function: Callable[[], None], device: torch.device) -> None:
        self._function, self._device = function, device
        self._num_calls = 0
        self._replay: Callable[[], None] | None = None

    def __call__(self) -> None:
        """Perform the function once.

        Raises:
            CannotRecord: if the device cannot capture it.
        """
        if self._device.type != "cuda":
            self._function()
        elif self._replay is not None:
            self._replay()
        elif self._num_calls < NUM_DIRECT_CALLS:
            self._call_beside()
        else:
            self._replay = self._captured()
            self._replay()
        self._num_calls += 1

    def _call_beside(self) -> None:
        """On a stream of its own, as CUDA wants it before a capture."""
        here, beside = torch.cuda.current_stream(self._device), torch.cuda.Stream(self._device)
        beside.wait_stream(here)
        with torch.cuda.stream(beside):
            self._function()
        here.wait_stream(beside)

    def _captured(self) -> Callable[[], None]:
        """What replays one call of the function, which is not performed now."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self._function()
        except RuntimeError as why:
            raise CannotRecord(f"its step cannot be captured ({str(why).splitlines()[0]})") from why
        return graph.replay
