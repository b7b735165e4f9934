"""A function is performed once a call, whether it is called, captured or replayed."""

from contextlib import contextmanager

import pytest
import torch

from descentlab.engines import graph
from descentlab.engines.graph import NUM_DIRECT_CALLS, Graph
from descentlab.engines.record import CannotRecord
from pretend_device import pretending

CUDA = torch.device("cuda", 0)


class PretendedCuda:
    """What a graph asks of `torch.cuda`; a capture notes what was called and undoes it."""

    def __init__(self):
        self.calls = []
        self.here = self.first = self.Stream()
        self.mode = 0

    class Stream:
        def wait_stream(self, other):
            assert isinstance(other, PretendedCuda.Stream)
            assert other is not self

    class CUDAGraph:
        pass

    def current_stream(self, device):
        return self.here

    def set_stream(self, stream):
        self.here = stream

    def get_sync_debug_mode(self):
        return self.mode

    def set_sync_debug_mode(self, mode):
        self.mode = mode

    @contextmanager
    def stream(self, stream):
        before, self.here = self.here, stream
        try:
            yield
        finally:
            self.here = before

    @contextmanager
    def graph(self, graph, stream, capture_error_mode):
        before, self.here, start = self.here, stream, len(self.calls)
        yield
        captured = ["replayed"] * (len(self.calls) - start)
        graph.replay = lambda: self.calls.extend(captured)
        del self.calls[start:]
        self.here = before


@pytest.fixture
def cuda(monkeypatch):
    pretended = PretendedCuda()
    for name in dir(pretended):
        if name[0] != "_" and hasattr(torch.cuda, name):
            monkeypatch.setattr(torch.cuda, name, getattr(pretended, name))
    beside = pretended.Stream()
    monkeypatch.setattr(graph, "_stream_beside", lambda device: beside)
    yield pretended
    assert pretended.here is pretended.first
    assert pretended.mode == 0


def test_on_a_gpu_the_first_calls_are_the_functions_and_the_others_replays(cuda):
    graph = Graph(lambda: cuda.calls.append("called"), CUDA)
    for _ in range(NUM_DIRECT_CALLS + 4):
        graph()
    assert cuda.calls == ["called"] * NUM_DIRECT_CALLS + ["replayed"] * 4


def test_elsewhere_each_call_is_the_functions(cuda):
    graph = Graph(lambda: cuda.calls.append("called"), torch.device("cpu"))
    for _ in range(NUM_DIRECT_CALLS + 4):
        graph()
    assert cuda.calls == ["called"] * (NUM_DIRECT_CALLS + 4)


@pytest.mark.parametrize("num_calls", [1, NUM_DIRECT_CALLS, NUM_DIRECT_CALLS + 1])
def test_what_cannot_be_captured_is_said_in_one_line(cuda, num_calls):
    def failing():
        cuda.calls.append("called")
        if len(cuda.calls) == num_calls:
            raise RuntimeError("operation not permitted when stream is capturing\nCompile with ...")

    graph = Graph(failing, CUDA)
    for _ in range(num_calls - 1):
        graph()
    with pytest.raises(CannotRecord, match=r"cannot be captured \(operation not permitted when stream is capturing\)$"):
        graph()


def test_a_value_is_refused_to_whoever_waits_for_it_before_the_capture(cuda):
    def waiting():
        cuda.calls.append("called")
        if cuda.mode == "error":
            raise RuntimeError("called a synchronizing CUDA operation")

    graph = Graph(waiting, CUDA)
    for _ in range(NUM_DIRECT_CALLS - 1):
        graph()
    with pytest.raises(CannotRecord, match=r"cannot be captured \(called a synchronizing CUDA operation\)$"):
        graph()


@pytest.mark.parametrize("num_calls", [1, NUM_DIRECT_CALLS + 1])
def test_want_of_memory_is_no_reason_against_a_capture(cuda, num_calls):
    def failing():
        cuda.calls.append("called")
        if len(cuda.calls) == num_calls:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    graph = Graph(failing, CUDA)
    for _ in range(num_calls - 1):
        graph()
    with pytest.raises(torch.OutOfMemoryError):
        graph()


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda there: float(there.sum()), "waits for a value"),
        (lambda there: torch.ones(1).add_(1), "works on the CPU's memory"),
        (lambda there: there.add_(torch.tensor(2.0)), "works on the CPU's memory"),
    ],
)
def test_a_pretended_capture_refuses_what_a_gpus_would(function, reason):
    with pretending() as device:
        there = torch.zeros(1).to(device)
        graph = Graph(lambda: function(there), device)
        for _ in range(NUM_DIRECT_CALLS):
            graph()
        with pytest.raises(RuntimeError, match=reason):
            graph()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_replay_on_a_gpu_counts_as_a_call_does():
    count = torch.zeros(1, device=CUDA)
    graph = Graph(lambda: count.add_(1), CUDA)
    with torch.inference_mode():
        for _ in range(NUM_DIRECT_CALLS + 4):
            graph()
    assert count.item() == NUM_DIRECT_CALLS + 4


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_function_that_waits_for_a_value_of_a_gpu_is_refused_and_others_go_on():
    count = torch.zeros(1, device=CUDA)
    waiting, counting = Graph(lambda: float(count.sum()), CUDA), Graph(lambda: count.add_(1), CUDA)
    with torch.inference_mode():
        for _ in range(NUM_DIRECT_CALLS - 1):
            waiting()
        with pytest.raises(CannotRecord, match="cannot be captured"):
            waiting()
        for _ in range(NUM_DIRECT_CALLS + 4):
            counting()
    torch.cuda.empty_cache()
    assert count.item() == NUM_DIRECT_CALLS + 4
