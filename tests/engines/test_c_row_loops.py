"""Loops share what they can, and nothing that would change a value."""

import pytest
import torch

from descentlab.engines.c.loops import Places
from descentlab.engines.c.row_loops import loop_source, numbers_in_place, rows_in_place, sharing_rows

ROWS, COLUMNS = 10, 32


@pytest.fixture
def places():
    return Places(num_rows=ROWS)


def rows():
    return torch.empty(ROWS, COLUMNS)


def square(places, output, x):
    places.elementwise(output, [x], lambda target, elements: f"{target} = {elements[0]} * {elements[0]};")


def total(places, output, x):
    places.reduction(output, [x], x.shape, [0], lambda elements: elements[0])


def numbers(places, *tensors):
    return {places.numbers[tensor.untyped_storage()._cdata] for tensor in tensors}


def test_what_depends_number_by_number_is_one_loop_and_in_a_register(places):
    x, between, y = rows(), rows(), rows()
    square(places, between, x)
    square(places, y, between)
    (group,) = sharing_rows(places.loops)
    assert numbers_in_place([group], numbers(places, between)) == numbers(places, between)
    source = loop_source(group, numbers(places, between))
    assert source.count(f"i0 < {COLUMNS}") == 1
    assert "float v1;" in source or "float v0;" in source


def test_a_total_is_read_after_the_loop_that_adds_it_up(places):
    x, sums, y = rows(), torch.empty(COLUMNS), rows()
    total(places, sums, x)
    places.elementwise(y, [x, sums], lambda target, elements: f"{target} = {elements[0]} - {elements[1]};")
    assert [len(group) for group in sharing_rows(places.loops)] == [1, 1]


def test_a_row_that_is_read_as_a_whole_is_kept_as_a_row(places):
    x, between, y, z = rows(), rows(), torch.empty(ROWS, 1), torch.empty(COLUMNS, 1)
    square(places, between, x)
    places.product(y, between, z)
    groups = sharing_rows(places.loops)
    piece = numbers(places, between)
    assert [len(group) for group in groups] == [2]
    assert rows_in_place(groups, piece) == dict.fromkeys(piece, COLUMNS)
    assert numbers_in_place(groups, piece) == set()


def test_a_tensor_that_is_wanted_by_columns_is_wanted_whole(places):
    x, between, y = rows(), rows(), torch.empty(COLUMNS, ROWS)
    square(places, between, x)
    square(places, y, between.t())
    groups = sharing_rows(places.loops)
    assert [len(group) for group in groups] == [1, 1]
    assert rows_in_place(groups, numbers(places, between)) == {}


def test_a_number_that_every_time_round_adds_to_is_no_element_of_its_own(places):
    x, sums, y = torch.empty(COLUMNS), torch.empty(()), torch.empty(COLUMNS)
    at = places.element(sums, [], [])
    places.add(sums, f"{at} += {places.element(x, [1], ['i0'])};", sizes=[COLUMNS])
    places.elementwise(y, [x, sums], lambda target, elements: f"{target} = {elements[0]} - {elements[1]};")
    (group,) = sharing_rows(places.loops)
    assert loop_source(group).count(f"i0 < {COLUMNS}") == 2
