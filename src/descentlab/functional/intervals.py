"""Intervals of what was counted, and of means."""

import math
from functools import cache


def wilson_interval(successes: int, count: int) -> tuple[float, float]:
    """The 95 % score interval of a rate, `successes` of `count`.

    (p + z^2/2n ± z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n) with z = 1.96. Source: E. B. Wilson (1927),
    Probable Inference, the Law of Succession, and Statistical Inference.
    """
    z = _NORMAL
    rate = successes / count
    middle = rate + z * z / (2 * count)
    half = z * math.sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


_NORMAL = 1.959963984540054
"""Within so many standard deviations lie 95 % of a normal distribution."""


@cache
def student_bound(degrees: int) -> float:
    """Within how many standard errors of the mean 95 % of Student's t distribution lie.

    Newton's method on P(|T| <= t) = 0.95 from the normal distribution's, which is smaller; the probability is
    concave in t, so every step stays below the root until rounding ends it.

    Args:
        degrees: of freedom, one less than the values of the mean, >= 1.
    """
    log_peak = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - math.log(degrees * math.pi) / 2
    bound = _NORMAL
    for _ in range(50):
        density = math.exp(log_peak - (degrees + 1) / 2 * math.log1p(bound * bound / degrees))
        step = (0.95 - _student_within(bound, degrees)) / (2 * density)
        bound += step
        if step <= 1e-14 * bound:
            break
    return bound


def _student_within(bound: float, degrees: int) -> float:
    """P(|T| <= bound) as the finite sum that it is for whole degrees of freedom: M. Abramowitz, I. A. Stegun (1964),
    Handbook of Mathematical Functions, 26.7.3 and 26.7.4."""
    angle = math.atan2(bound, math.sqrt(degrees))
    squared_cosine = degrees / (degrees + bound * bound)
    is_odd = degrees % 2
    term = math.cos(angle) if is_odd else 1.0
    terms = [term] if degrees > 1 else []
    for k in range(2 + is_odd, degrees - 1, 2):
        term *= squared_cosine * (k - 1) / k
        terms.append(term)
    total = math.sin(angle) * math.fsum(terms)
    return 2 / math.pi * (angle + total) if is_odd else total
