"""Operations that are performed member by member: each member's part comes out as a lone tensor would."""

import pytest
import torch
from engine_cases import assert_same

from descentlab.engines.member_form import ALIGNMENT, MemberCall, member_form

aten = torch.ops.aten
NUM_MEMBERS = 5


def numbers(*sizes: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(NUM_MEMBERS, *sizes, generator=torch.Generator().manual_seed(seed))


GIVEN = {
    "a product whose members begin anywhere": (aten.mm.default, [numbers(7, 9), numbers(9, 1, seed=1)]),
    "a product whose members are aligned": (aten.mm.default, [numbers(8, 16), numbers(16, 16, seed=1)]),
    "a transposed factor": (aten.mm.default, [numbers(9, 7).transpose(1, 2), numbers(9, 3, seed=1)]),
    "a factor shared by all": (aten.mm.default, [numbers(7, 9)[0].expand(5, 7, 9), numbers(9, 3, seed=1)]),
    "a product and a bias": (aten.addmm.default, [numbers(1), numbers(7, 9), numbers(9, 1, seed=1)]),
    "a function": (aten.sigmoid.default, [numbers(7, 9)]),
    "a function with numbers among its tensors": (
        aten.elu_backward.default,
        [numbers(7, 9), 1.0, 1.0, 1.0, False, numbers(7, 9, seed=1)],
    ),
}


def of(member, values):
    return [value[member].clone() if isinstance(value, torch.Tensor) else value for value in values]


@pytest.mark.parametrize(("function", "given"), GIVEN.values(), ids=GIVEN)
def test_a_form_gives_each_member_what_the_operation_gives_it_alone(function, given):
    expected = torch.stack([function(*of(member, given)) for member in range(NUM_MEMBERS)])
    form = member_form(function)
    assert_same(form(*given), expected)
    place = torch.empty_like(expected)
    assert form._overloadpacket.out(*given, out=place) is place
    assert_same(place, expected)


def test_a_call_follows_tensors_that_change_and_others_that_come_instead():
    left, right, out = numbers(7, 9), numbers(9, 1, seed=1), torch.empty(NUM_MEMBERS, 7, 1)
    call = MemberCall(aten.mm.default)

    def expected(left, right):
        return torch.stack([torch.mm(*of(member, [left, right])) for member in range(NUM_MEMBERS)])

    assert_same(call(left, right, out=out), expected(left, right))
    right.mul_(3)
    assert_same(call(left, right, out=out), expected(left, right))
    other, place = numbers(7, 9, seed=2), torch.empty(NUM_MEMBERS, 7, 1)
    assert_same(call(other, right, out=place), expected(other, right))
    longer = numbers(7, 16, seed=3)
    assert_same(call(longer, numbers(16, 1, seed=4), out=place), expected(longer, numbers(16, 1, seed=4)))
    assert_same(call(left, right, out=out), expected(left, right))


def test_tensors_that_lie_as_lone_ones_are_not_copied():
    left, right, out = numbers(8, 16), numbers(16, 16, seed=1), torch.empty(NUM_MEMBERS, 8, 16)
    assert all(tensor.data_ptr() % ALIGNMENT == 0 for tensor in (left, right, out))
    call = MemberCall(aten.mm.default)
    call(left, right, out=out)
    left.zero_()
    for parts in (*call._given, call._result):
        assert parts._place is parts._value
    assert not call(left, right, out=out).any()
