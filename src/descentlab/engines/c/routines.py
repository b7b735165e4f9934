"""Routines that torch itself calls, to be called from C: whoever calls the same gets the same bits.

Their addresses are looked up in the library that holds torch's CPU kernels. Where torch was built with other
libraries below it, they are not there, and what needs them is not covered.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache

import torch

from descentlab.engines.record import CannotRecord

PRODUCT, ROOT, TANH, EXP = "sgemm_", "VMSSQRT_", "VMSTANH_", "VMSEXP_"
WIDTH = 16 if torch.backends.cpu.get_cpu_capability() == "AVX512" else 8
"""Numbers of a vector in torch's elementwise kernels."""

ACCURACY = 0x2 | 0x100 | 0x140000
"""With which torch calls MKL's vector functions: high accuracy, no error handling, denormal numbers kept."""

SOURCE = f"""
typedef void (*product_routine)(const char *, const char *, const int *, const int *, const int *, const float *,
    const float *, const int *, const float *, const int *, const float *, float *, const int *);
typedef void (*elementwise_routine)(const int *, const float *, float *, const long *);
static inline void call_product(product_routine f, char a_form, char b_form, int m, int n, int k, const float *a,
        int lda, const float *b, int ldb, float beta, float *c, int ldc) {{
    const float one = 1.0f;
    f(&a_form, &b_form, &m, &n, &k, &one, a, &lda, b, &ldb, &beta, c, &ldc);
}}
static inline void call_elementwise(elementwise_routine f, int n, const float *x, float *y) {{
    const long accuracy = {ACCURACY};
    f(&n, x, y, &accuracy);
}}
"""


@cache
def address(name: str) -> int:
    """Where a routine begins.

    Raises:
        CannotRecord: if torch's library does not have it.
    """
    folder = os.path.join(os.path.dirname(torch.__file__), "lib")
    try:
        library = ctypes.CDLL(os.path.join(folder, "libtorch_cpu.so"))
        return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
    except (OSError, AttributeError) as why:
        raise CannotRecord(f"torch's library has no {name}") from why


def has(name: str) -> bool:
    """True if torch's library has this routine."""
    try:
        return bool(address(name))
    except CannotRecord:
        return False
