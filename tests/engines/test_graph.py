"""A function is performed once a call, whether it is called, captured or replayed."""

from contextlib import contextmanager

import pytest
import torch

from descentlab.engines.graph import NUM_DIRECT_CALLS, Graph
from descentlab.engines.record import CannotRecord

CUDA = torch.device("cuda", 0)


class PretendedStream:
    def __init__(self, *_):
        pass

    def wait_stream(self, other):
        assert isinstance(other, PretendedStream)


@pytest.fixture
def counted(monkeypatch):
    """A function that adds one, and `torch.cuda` of which a capture notes what was called and undoes it."""
    calls = []

    class PretendedGraph:
        def replay(self):
            calls.extend(self.captured)

    @contextmanager
    def capturing(graph, capture_error_mode):
        start = len(calls)
        yield
        graph.captured = ["replayed"] * (len(calls) - start)
        del calls[start:]

    @contextmanager
    def on_stream(stream):
        yield

    for name, value in {
        "CUDAGraph": PretendedGraph,
        "graph": capturing,
        "Stream": PretendedStream,
        "current_stream": PretendedStream,
        "stream": on_stream,
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    return calls, lambda: calls.append("called")


def test_on_a_gpu_the_first_calls_are_the_functions_and_the_others_replays(counted):
    calls, function = counted
    graph = Graph(function, CUDA)
    for _ in range(NUM_DIRECT_CALLS + 4):
        graph()
    assert calls == ["called"] * NUM_DIRECT_CALLS + ["replayed"] * 4


def test_elsewhere_each_call_is_the_functions(counted):
    calls, function = counted
    graph = Graph(function, torch.device("cpu"))
    for _ in range(NUM_DIRECT_CALLS + 4):
        graph()
    assert calls == ["called"] * (NUM_DIRECT_CALLS + 4)


def test_what_cannot_be_captured_is_said_in_one_line(counted):
    calls, function = counted

    def reading():
        function()
        if len(calls) > NUM_DIRECT_CALLS:
            raise RuntimeError("operation not permitted when stream is capturing\nCompile with ...")

    graph = Graph(reading, CUDA)
    for _ in range(NUM_DIRECT_CALLS):
        graph()
    with pytest.raises(CannotRecord, match=r"cannot be captured \(operation not permitted when stream is capturing\)$"):
        graph()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_replay_on_a_gpu_counts_as_a_call_does():
    count = torch.zeros(1, device=CUDA)
    graph = Graph(lambda: count.add_(1), CUDA)
    for _ in range(NUM_DIRECT_CALLS + 4):
        graph()
    assert count.item() == NUM_DIRECT_CALLS + 4
