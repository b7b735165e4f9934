"""Intervals of what was counted."""

import math


def wilson_interval(successes: int, count: int) -> tuple[float, float]:
    """The 95 % score interval of a rate, `successes` of `count`.

    (p + z^2/2n ± z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n) with z = 1.96. Source: E. B. Wilson (1927),
    Probable Inference, the Law of Succession, and Statistical Inference.
    """
    z = 1.959963984540054
    rate = successes / count
    middle = rate + z * z / (2 * count)
    half = z * math.sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)
