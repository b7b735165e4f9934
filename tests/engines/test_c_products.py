"""Matrix products in C have the bits of torch's own, by its order of adding or by its library."""

import pytest
import torch
from test_c_sums import perform

from bits import needs_known_bits
from descentlab.engines.c import products
from descentlab.engines.c.exact_loops import ExactPlaces
from descentlab.engines.c.products import MOST_LEAVES, Order, order_of_product, orders_of_rows
from descentlab.engines.same_bits import same_bits

SHAPES = [
    *((rows, inner, columns) for rows in (1, 2, 7) for inner in (50, 100) for columns in (1, 2)),
    *((100, inner, columns) for inner in (1, 2, 5, 8, 20) for columns in (1, 3)),
    (100, 1, 500),
    (1, 100, 500),
    (500, 100, 1),
    (100, 500, 1),
    (30, 30, 30),
]


def matrices(rows, inner, columns, transposed):
    x, y = torch.randn(rows, inner), torch.randn(inner, columns)
    return (x.t().contiguous().t(), y.t().contiguous().t()) if transposed else (x, y)


@needs_known_bits
def test_products_have_the_bits_of_torchs_own():
    torch.manual_seed(0)
    cases = [
        (*matrices(*shape, transposed), torch.randn(shape[2]) if has_bias else None)
        for shape in SHAPES
        for transposed, has_bias in ((False, False), (True, False), (False, True))
    ]
    places, outputs = ExactPlaces(), []
    cases = [(x, y, bias) for x, y, bias in cases if y.is_contiguous() or order_of_product(x, y, bias)]
    assert len(cases) > 60
    for x, y, bias in cases:
        outputs.append(torch.empty(x.shape[0], y.shape[1]))
        places.product(outputs[-1], x, y, bias)
    perform(places)
    for (x, y, bias), output in zip(cases, outputs, strict=True):
        expected = x @ y if bias is None else torch.addmm(bias, x, y)
        assert same_bits(output, expected), (x.shape, x.stride(), y.shape, y.stride(), bias is not None)


def test_an_order_is_found_that_adds_terms_as_torch_does():
    order = order_of_product(torch.empty(100, 2), torch.empty(2, 1), None)
    assert order is not None
    x, y = torch.randn(100, 2), torch.randn(2, 1)
    first, second = x[:, :1] * y[0], (x[:, 1:], y[1:])
    expected = first.addcmul(*second) if order.is_fused else first + second[0] * second[1]
    assert torch.equal(x @ y, expected)


@pytest.fixture(autouse=True)
def fresh():
    """Orders found with another product would be remembered."""
    found = products._order_found, products._orders_of_rows_found
    for each in found:
        each.cache_clear()
    yield
    for each in found:
        each.cache_clear()


def test_a_tree_is_read_off_products_in_which_a_pair_cancels(monkeypatch):
    """Sums of torch's that add the terms as ((0 + 2) + (1 + 3)), which no plain order does."""

    def product(x, y):
        terms = [x[:, k : k + 1] * y[k : k + 1] for k in range(4)]
        return (terms[0] + terms[2]) + (terms[1] + terms[3])

    monkeypatch.setattr(torch.Tensor, "__matmul__", product)
    order = order_of_product(torch.empty(6, 4), torch.empty(4, 3), None)
    assert order is not None
    assert order.tree == ((0, 2), (1, 3))


def test_rows_may_have_orders_of_their_own(monkeypatch):
    """Two rows at once by torch's plain order, and the one that is left over from its end."""

    def product(x, y):
        terms = [x[:, k : k + 1] * y[k : k + 1] for k in range(4)]
        there, back = (((a + b) + c) + d for a, b, c, d in (terms, terms[::-1]))
        return torch.cat([there[:6], back[6:]])

    monkeypatch.setattr(torch.Tensor, "__matmul__", product)
    x, y = torch.empty(7, 4), torch.empty(4, 1)
    assert order_of_product(x, y, None) is None
    orders = orders_of_rows(x, y, None)
    assert orders is not None
    assert [end for end, _ in orders] == [6, 7]
    assert orders[1][1].tree == (0, (1, (2, 3)))


@pytest.mark.parametrize("inner", [MOST_LEAVES + 1, 5000])
def test_no_order_is_said_to_be_known_that_is_not(inner, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "__matmul__", lambda x, y: torch.flip(x, [1]).mul(y.flip(0).T).sum(1)[:, None])
    assert order_of_product(torch.empty(6, inner), torch.empty(inner, 1), None) is None


def test_the_bias_may_come_first_or_last():
    factors = [("a", "b"), ("c", "d")]
    assert Order(is_fused=False, start="bias").total("bias", factors) == "((bias + a * b) + c * d)"
    assert Order(is_fused=False, start="zero").total("bias", factors) == "((0.0f + a * b) + c * d)"
    assert Order(is_fused=True, start="first").total("bias", factors) == "(__builtin_fmaf(c, d, a * b))"
