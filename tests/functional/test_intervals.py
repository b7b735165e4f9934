"""Intervals of counts and of means against SciPy's."""

import pytest
from scipy import stats

from descentlab.functional.intervals import student_bound, wilson_interval


@pytest.mark.parametrize(("failures", "count"), [(0, 10), (1, 3), (237, 1000), (5, 5)])
def test_the_interval_of_a_rate_is_wilsons(failures: int, count: int) -> None:
    theirs = stats.binomtest(failures, count).proportion_ci(method="wilson")
    assert wilson_interval(failures, count) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_no_rounding_leads_out_of_the_rates() -> None:
    """Of all successes the upper end is 1, and of none the lower 0, however the roots are rounded."""
    assert all(wilson_interval(count, count)[1] <= 1.0 for count in range(1, 100))
    assert all(wilson_interval(0, count)[0] >= 0.0 for count in range(1, 100))


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 10, 31, 99, 999, 9999])
def test_the_interval_of_a_mean_is_students(degrees: int) -> None:
    assert student_bound(degrees) == pytest.approx(
        stats.t.ppf(0.975, degrees), rel=1e-10
    )  # as far as SciPy 1.14, the lowest, is from the root
