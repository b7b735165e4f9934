"""Short names."""

import pytest

from descentlab.reports.names import short_name, shortened


@pytest.mark.parametrize(
    ("key", "others", "short"),
    [
        ("optimizer.lr", ["seed"], "lr"),
        ("model.seed", ["data.seed"], "model.seed"),
        ("seed", ["model.seed"], "seed"),
        ("a.b.c", ["d.b.c"], "a.b.c"),
        ("a.b.c", ["d.e.c"], "b.c"),
    ],
)
def test_a_name_is_the_shortest_end_that_is_its_own(key, others, short):
    assert short_name(key, [key, *others]) == short


@pytest.mark.parametrize(("text", "width", "short"), [("abc", 3, "abc"), ("abcdef", 5, "ab…ef"), ("abcdef", 4, "a…ef")])
def test_a_long_text_loses_its_middle(text, width, short):
    assert shortened(text, width) == short
