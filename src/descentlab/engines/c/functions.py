"""The exponential and what follows from it in C; the logistic function has the bits of torch's sigmoid.

exp(x) = 2^k exp(f), |f| <= log(2)/2, with the polynomial of SLEEF's expf_u10 (Shibata and Petrogalli, SLEEF: A
Portable Vectorized Library of C Standard Mathematical Functions, 2020).
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from descentlab.engines.record import CannotRecord
from descentlab.engines.same_bits import same_bits

LOG2_E = 1.442695040888963407
LOG_2 = (-0.693145751953125, -1.428606765330187045e-06)
"""In two parts, of which the first has zeros at its end: its product with a whole number is exact."""

POLYNOMIAL = (
    0.000198527617612853646278381,
    0.00139304355252534151077271,
    0.00833336077630519866943359,
    0.0416664853692054748535156,
    0.166666671633720397949219,
    0.5,
)

_HORNER = "\n    ".join(f"p = __builtin_fmaf(p, f, {coefficient!r}f);" for coefficient in POLYNOMIAL[1:])

SOURCE = f"""
/* exp(x) for -104 <= x <= 100, with a relative error below 1e-7. */
static inline float exponential_within(float x) {{
    float k = rintf(x * {LOG2_E!r}f);
    float f = __builtin_fmaf(k, {LOG_2[0]!r}f, x);
    f = __builtin_fmaf(k, {LOG_2[1]!r}f, f);
    float p = {POLYNOMIAL[0]!r}f;
    {_HORNER}
    p = 1.0f + __builtin_fmaf(f * f, p, f);
    union {{ int i; float f; }} a, b;
    int whole = (int)k, half = whole >> 1;
    a.i = (half + 127) << 23;
    b.i = (whole - half + 127) << 23;
    return p * a.f * b.f;
}}
/* x from low < 0 to high > 0, whose bits are ordered like whole numbers; a NaN becomes one of the two. */
static inline float clamped(float x, float low, float high) {{
    union {{ float f; int i; unsigned u; }} a, l, h;
    a.f = x, l.f = low, h.f = high;
    a.i = a.i < h.i ? a.i : h.i;
    a.u = a.u < l.u ? a.u : l.u;
    return a.f;
}}
/* inf above 88.7, 0 below -103.9, NaN stays NaN. */
static inline float exponential(float x) {{
    float y = exponential_within(clamped(x, -104.0f, 100.0f));
    return x == x ? y : x;
}}
/* 1 / (1 + exp(-x)); exp(-87) is nothing beside 1, and numbers below it are denormal, which takes time. */
static inline float logistic(float x) {{
    float y = 1.0f / (1.0f + exponential_within(clamped(0.0f - x, -87.0f, 100.0f)));
    return x == x ? y : x;
}}
/* With a relative error below 2e-7: 1 - 2 / (exp(2 |x|) + 1) with the sign of x, and near 0, where that would
   cancel, the polynomial of Cephes' tanhf (Moshier, 1992). */
static inline float hyperbolic_tangent(float x) {{
    float z = x * x, a = fabsf(x);
    float p = -5.70498872745e-3f;
    p = __builtin_fmaf(p, z, 2.06390887954e-2f);
    p = __builtin_fmaf(p, z, -5.37397155531e-2f);
    p = __builtin_fmaf(p, z, 1.33314422036e-1f);
    p = __builtin_fmaf(p, z, -3.33332819422e-1f);
    p = __builtin_fmaf(p * z, x, x);
    float y = 1.0f - 2.0f / (exponential_within(clamped(2.0f * a, -87.0f, 87.0f)) + 1.0f);
    y = x < 0 ? -y : y;
    y = a < 0.625f ? p : y;
    return x == x ? y : x;
}}
"""


@cache
def insist_on_torchs_logistic() -> None:
    """Find out whether torch's sigmoid computes what `logistic` does, on numbers of all sizes.

    Raises:
        CannotRecord: if it does not.
    """
    special = torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan])
    small_and_large = torch.logspace(-40, 38, 2**10)
    x = torch.cat([special, small_and_large, -small_and_large, torch.linspace(-110, 110, 2**14)])
    x = x[: len(x) // 32 * 32]  # what is left over by torch's vectors is computed in another way
    if not same_bits(1.0 / (1.0 + _exponential((0.0 - x).clamp(-87.0, 100.0))), torch.sigmoid(x)):
        raise CannotRecord("torch's sigmoid is not the one that is known here")


def _exponential(x: Tensor) -> Tensor:
    """exp(x) for -104 <= x <= 100, with one rounding where the C source has one."""
    k = (x * LOG2_E).round()
    f = x
    for part in LOG_2:
        f = _fma(k, torch.tensor(part), f)
    p = torch.full_like(x, POLYNOMIAL[0])
    for coefficient in POLYNOMIAL[1:]:
        p = _fma(p, f, torch.tensor(coefficient).expand_as(x))
    p = 1.0 + _fma(f * f, p, f)
    half = (k / 2).floor()
    return p * _power_of_two(half) * _power_of_two(k - half)


def _power_of_two(exponent: Tensor) -> Tensor:
    return ((exponent.nan_to_num().int() + 127) << 23).view(torch.float32)


def _fma(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """x y + z, rounded once: 48 bits of a product of floats and those of a float fit into a double."""
    return (x.double() * y.double() + z.double()).float()
