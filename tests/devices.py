"""The devices besides the CPU on which engines are tested: a pretended one, and a GPU where there is one."""

from contextlib import contextmanager

import pytest
import torch

from pretend_device import pretending


@contextmanager
def a_gpu():
    yield torch.device("cuda", 0)


DEVICES = {
    "pretended": pretending,
    "gpu": pytest.param(
        a_gpu,
        marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")],
    ),
}
