"""Which operations of a stack are performed member by member, and which stay batched."""

import pytest
import torch
from engine_cases import assert_same

from descentlab.engines import member_by_member
from descentlab.engines.member_by_member import MANY_TERMS, MemberByMember
from descentlab.engines.record import record

NUM_MEMBERS = 4


def numbers(*sizes: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(NUM_MEMBERS, *sizes, generator=torch.Generator().manual_seed(seed))


def performed(function):
    """The result, and the names of the operations that were performed member by member."""

    def run():
        with MemberByMember(NUM_MEMBERS):
            return function()

    result, operations = record(run)
    names = {operation.function._schema.name for operation in operations if operation.output is result}
    return result, {name.removeprefix("descentlab::") for name in names if name.startswith("descentlab::")}


@pytest.fixture
def agreement(monkeypatch):
    """Lets batches of products have the bits of lone ones, or not."""
    return lambda agrees: monkeypatch.setattr(member_by_member, "_agree", lambda *given: agrees)


@pytest.mark.parametrize("agrees", [True, False])
def test_products_go_member_by_member_where_a_batch_of_them_rounds_otherwise(agreement, agrees):
    agreement(agrees)
    left, right = numbers(7, 9), numbers(9, 3, seed=1)
    product, names = performed(lambda: torch.bmm(left, right))
    assert names == (set() if agrees else {"mm_default"})
    torch.testing.assert_close(product, left @ right)


def test_long_products_of_a_matrix_and_a_vector_go_member_by_member(agreement):
    agreement(True)
    left, right = numbers(64, MANY_TERMS // 64), numbers(MANY_TERMS // 64, 1, seed=1)
    assert performed(lambda: torch.bmm(left, right))[1] == {"mm_default"}
    assert performed(lambda: torch.bmm(left[:, 1:], right))[1] == set()
    assert performed(lambda: torch.bmm(left, right.expand(-1, -1, 2)))[1] == set()


def affine(bias, left, right):
    return torch.func.vmap(torch.addmm)(bias, left, right)


@pytest.mark.parametrize("agrees", [True, False])
def test_a_product_with_a_bias_is_one_operation_as_in_a_lone_net(agreement, agrees):
    agreement(agrees)
    given = numbers(3), numbers(7, 9, seed=1), numbers(9, 3, seed=2)
    result, names = performed(lambda: affine(*given))
    assert names == (set() if agrees else {"addmm_default"})
    torch.testing.assert_close(result, affine(*given))


def test_another_sum_of_a_product_stays_a_sum(agreement):
    agreement(False)
    left, right, other, plain = numbers(7, 9), numbers(9, 3, seed=1), numbers(1, 3, seed=2), numbers(7, 3, seed=3)
    for function in (
        lambda: torch.add(other, torch.bmm(left, right)),
        lambda: torch.add(torch.bmm(left, right), other),
        lambda: torch.add(torch.mul(plain, 1), torch.bmm(left, right)),
        lambda: torch.add(torch.mul(other, 1), plain),
        lambda: torch.add(torch.bmm(left, right), 1.0),
    ):
        result, names = performed(function)
        assert names == set()
        torch.testing.assert_close(result, function())


def test_functions_go_member_by_member_where_the_end_of_a_tensor_rounds_otherwise(monkeypatch):
    values = numbers(7, 3)
    for depends in (True, False):
        monkeypatch.setattr(member_by_member, "_depends_on_place", lambda *given, depends=depends: depends)
        result, names = performed(lambda: torch.sigmoid(values))
        assert names == ({"sigmoid_default"} if depends else set())
        torch.testing.assert_close(result, torch.sigmoid(values))


def test_what_takes_or_gives_other_shapes_stays_as_it_is(monkeypatch):
    monkeypatch.setattr(member_by_member, "_depends_on_place", lambda *given: True)
    values = numbers(7, 3)
    for function in (
        lambda: torch.add(values, values[:, :1]),
        lambda: values.sum(dim=[1]),
        lambda: values.transpose(1, 2),
        lambda: torch.flip(values, [1]),
        lambda: values.clone().add_(1),
        lambda: torch.sigmoid(values[0]),
    ):
        result, names = performed(function)
        assert names == set()
        assert_same(result, function())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_additions_are_the_same_everywhere(dtype):
    depends = member_by_member._depends_on_place
    assert not depends(torch.ops.aten.add.Tensor, (None, None), (), dtype)
    assert not depends(torch.ops.aten.add.Tensor, (None, None), (("alpha", 1),), dtype)
