"""Where the bits of torch's kernels are known."""

import platform
import shutil

import pytest
import torch

needs_known_bits = pytest.mark.skipif(
    shutil.which("cc") is None
    or not torch.backends.mkl.is_available()
    or torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512")
    or platform.system() != "Linux",
    reason="the bits of torch's kernels are known with a C compiler, MKL, and AVX2 or AVX-512 on Linux",
)
