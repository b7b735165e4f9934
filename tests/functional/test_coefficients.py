"""The names of coefficients, and the refusal of a wrong count."""

import pytest

from descentlab.errors import InputError
from descentlab.functional.coefficients import coefficient_names, require_coefficients


def test_the_intercept_is_w0_and_comes_first():
    assert coefficient_names(2, bias=True) == ["w0", "w1", "w2"]


def test_without_an_intercept_the_names_begin_at_w1():
    assert coefficient_names(2, bias=False) == ["w1", "w2"]


def test_a_right_count_passes():
    require_coefficients("data.coefficients", [2.5, 4.0], ["w0", "w1"])


@pytest.mark.parametrize("given", [[], [1.0], [1.0, 2.0, 3.0]], ids=len)
def test_a_wrong_count_is_refused_with_key_expected_given_and_remedy(given):
    with pytest.raises(InputError) as refusal:
        require_coefficients("data.coefficients", given, ["w0", "w1"])
    assert str(refusal.value) == (
        f"data.coefficients: expected 2 numbers (w0, w1), came {len(given)}: {given}; "
        "type data.coefficients=[0.0,0.0] with a number of yours for each."
    )
