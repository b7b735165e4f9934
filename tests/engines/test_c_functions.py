"""The functions in C are torch's own, or close to the exact ones."""

import ctypes

import pytest
import torch

from bits import needs_known_bits
from descentlab.engines.c import functions
from descentlab.engines.c.build import build
from descentlab.engines.record import CannotRecord
from descentlab.engines.same_bits import same_bits

EVERY = 4099
"""Of all floats, in the order of their bits; a prime, so that all exponents and signs come with all kinds of digits."""


def floats():
    bits = torch.arange(-(2**31), 2**31, EVERY).int()
    return bits[: len(bits) // 32 * 32].view(torch.float32)


def in_c(function, x):
    loop = f"for (long i = 0; i < n; i++) y[i] = {function}(x[i]);"
    head = "void run(const float *restrict x, float *restrict y, long n)"
    run = build(f"#include <math.h>\n{functions.SOURCE}\n{head} {{ {loop} }}", is_exact=True)
    y = torch.empty_like(x)
    run(ctypes.c_void_p(x.data_ptr()), ctypes.c_void_p(y.data_ptr()), ctypes.c_long(len(x)))
    return y


@needs_known_bits
def test_the_logistic_function_has_the_bits_of_torchs_sigmoid():
    assert same_bits(in_c("logistic", floats()), torch.sigmoid(floats()))


@needs_known_bits
def test_the_exponential_is_exact_but_for_its_last_bit():
    x = floats()
    exact, found = x.double().exp(), in_c("exponential", x)
    assert bool((found.isnan() == x.isnan()).all())
    assert bool((found[x > 89] == torch.inf).all())
    assert bool((found[x < -104] == 0).all())
    normal = (x > -87) & (x < 88.7)
    assert float(((found - exact) / exact)[normal].abs().max()) < 1e-7
    denormal = (x > -104) & (x <= -87)
    assert float((found - exact)[denormal].abs().max()) < 2**-149


@needs_known_bits
def test_the_hyperbolic_tangent_is_exact_but_for_its_last_bits():
    x = floats()
    exact, found = x.double().tanh(), in_c("hyperbolic_tangent", x)
    assert bool((found.isnan() == x.isnan()).all())
    normal = (exact.abs() > 2**-126) & ~x.isnan()
    assert float(((found - exact) / exact)[normal].abs().max()) < 2e-7
    assert bool((found - exact)[~normal & ~x.isnan()].abs().max() < 2**-149)


def test_another_sigmoid_of_torchs_is_noticed(monkeypatch):
    sigmoid = torch.sigmoid
    monkeypatch.setattr(torch, "sigmoid", lambda x: sigmoid(x).nextafter(torch.tensor(0.6)))
    with pytest.raises(CannotRecord, match="torch's sigmoid is not the one"):
        functions.insist_on_torchs_logistic.__wrapped__()
