"""The products of few terms, which a stack performs as multiplications: what they give, and which they are."""

import pytest
import torch
from engine_cases import assert_same

from descentlab.engines.record import CannotRecord, record
from descentlab.engines.same_bits import same_bits
from descentlab.engines.stacked_gradient import MOST_COLUMNS, MOST_TERMS, ShortProducts, record_gradient

SIZES = {
    "one term": (1, 2, True),
    "one term and many columns": (1, MOST_COLUMNS, True),
    "one term and too many columns": (1, MOST_COLUMNS + 1, False),
    "two terms and one column": (2, 1, True),
    "many terms and one column": (MOST_TERMS, 1, True),
    "too many terms and one column": (MOST_TERMS + 1, 1, False),
    "two of each": (2, 2, False),
    "one of each": (1, 1, True),
}


def whole_numbers(*sizes: int) -> torch.Tensor:
    """Whose products and their sums are exact in float32."""
    return torch.randint(1, 10, sizes, generator=torch.Generator().manual_seed(1)).float()


@pytest.mark.parametrize(("num_terms", "num_columns", "is_short"), SIZES.values(), ids=SIZES)
def test_a_short_product_is_the_product_without_one_of_matrices(num_terms, num_columns, is_short):
    left, right = whole_numbers(3, 5, num_terms), whole_numbers(3, num_terms, num_columns)

    def product():
        with ShortProducts():
            return torch.bmm(left, right)

    ours, operations = record(product)
    assert_same(ours.contiguous(), torch.bmm(left, right))
    assert (torch.ops.aten.bmm.default in [operation.function for operation in operations]) == (not is_short)
    if is_short:
        assert ours.transpose(1, 2).is_contiguous()  # the samples side by side


def test_a_sum_has_the_bits_of_terms_that_lie_in_one_piece():
    terms = torch.randn(3, 1000, 2, generator=torch.Generator().manual_seed(1)).transpose(1, 2)
    pieces = terms.contiguous().sum(dim=[0, 2])
    assert not torch.equal(terms.sum(dim=[0, 2]), pieces)
    with ShortProducts():
        assert_same(terms.sum(dim=[0, 2]), pieces)
        assert_same(terms.contiguous().sum(dim=[0, 2]), pieces)


def test_all_other_operations_are_performed_as_they_are():
    values = torch.linspace(-1, 1, 7)
    with ShortProducts():
        ours = torch.clamp(values, min=-0.5, max=0.5).add(values, alpha=2)
    assert_same(ours, torch.clamp(values, min=-0.5, max=0.5).add(values, alpha=2))


def test_what_is_written_in_place_is_written_where_it_lies():
    grid = torch.zeros(2, 3)
    with ShortProducts():
        grid.t().add_(1.0)
    assert_same(grid, torch.ones(2, 3))


def test_what_torch_says_is_the_reason_where_no_other_is_known():
    def broken(parameters):
        raise RuntimeError("an odd thing\nand its details")

    with pytest.raises(CannotRecord, match=r"^its members cannot be batched \(an odd thing\)$"):
        record_gradient(broken, {"weight": torch.zeros(2, 1)}, {}, same_bits)


def test_a_device_without_room_is_no_reason_that_members_cannot_be_batched():
    def gradient(parameters):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(torch.OutOfMemoryError):
        record_gradient(gradient, {"weight": torch.ones(2, 1)}, {}, same_bits)
