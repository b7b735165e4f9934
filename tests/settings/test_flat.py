"""Nested settings by their dotted keys."""

import pytest

from descentlab.errors import InputError
from descentlab.settings.flat import flatten, nest, replaced, value_at

NESTED = {"a": {"b": 1, "c": {"d": [2]}}, "e": {}}


def test_nesting_is_the_way_back_from_one_level():
    assert nest(flatten(NESTED)) == NESTED


def test_each_flat_key_leads_to_its_value():
    assert {key: value_at(NESTED, key) for key in flatten(NESTED)} == flatten(NESTED)


def test_a_replaced_value_leaves_the_original_and_shares_the_rest():
    changed = replaced(NESTED, "a.b", 3)
    assert flatten(changed) == {**flatten(NESTED), "a.b": 3}
    assert NESTED["a"]["b"] == 1
    assert changed["a"]["c"] is NESTED["a"]["c"]


@pytest.mark.parametrize("key", ["f", "a.f", "a.b.f"])
def test_a_key_that_is_not_there_is_not_replaced(key):
    with pytest.raises(InputError, match="there is no such key"):
        replaced(NESTED, key, 3)
