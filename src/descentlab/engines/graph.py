"""A function that always works on the same memory, replayed by a GPU as one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache

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
            torch.OutOfMemoryError: its memory does not take it.
        """
        if self._device.type != "cuda":
            self._function()
        elif self._replay is not None:
            self._replay()
        else:
            self._num_calls += 1
            try:
                self._call_before_replays()
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as why:
                raise CannotRecord(f"its step cannot be captured ({str(why).splitlines()[0]})") from why

    def _call_before_replays(self) -> None:
        if self._num_calls <= NUM_DIRECT_CALLS:
            self._call_beside()
        else:
            self._replay = self._captured()
            self._replay()

    def _call_beside(self) -> None:
        """On a stream of its own, as CUDA wants it before a capture. The last time nobody may wait for a value: a
        capture that fails for that leaves CUDA's memory in disorder."""
        here, beside = torch.cuda.current_stream(self._device), _stream_beside(self._device)
        before = torch.cuda.get_sync_debug_mode()
        beside.wait_stream(here)
        try:
            with torch.cuda.stream(beside):
                if self._num_calls == NUM_DIRECT_CALLS:
                    _let_wait("error")
                self._function()
        finally:
            _let_wait(before)
        here.wait_stream(beside)

    def _captured(self) -> Callable[[], None]:
        """What replays one call of the function, which is not performed now."""
        here, graph = torch.cuda.current_stream(self._device), torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=_stream_beside(self._device), capture_error_mode="thread_local"):
                self._function()
        finally:
            torch.cuda.set_stream(here)  # a capture that fails leaves its own
        return graph.replay


@cache
def _stream_beside(device: torch.device) -> torch.cuda.Stream:
    """One of a device, for blocks of memory that are free again serve the stream alone that asked for them."""
    return torch.cuda.Stream(device)


def _let_wait(mode: int | str) -> None:
    """What torch does where a value is waited for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # not every waiting is found
        torch.cuda.set_sync_debug_mode(mode)
