"""What holds for every net whose prediction is a weighted sum of columns."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from descentlab.errors import InputError
from descentlab.functional.coefficients import coefficient_names


@given(
    num_samples=st.integers(1, 9),
    scale=st.sampled_from([1e-12, 1e-3, 1.0, 1e3, 1e12]),
    seed=st.integers(0, 2**32),
)
def test_the_design_matrix_times_the_coefficients_is_the_prediction(any_linear_net, num_samples, scale, seed):
    net = any_linear_net().double()
    stream = torch.Generator().manual_seed(seed)
    x = scale * torch.randn(num_samples, any_linear_net.num_features, generator=stream, dtype=torch.float64)
    prediction = net.design_matrix(x) @ net.coefficients().unsqueeze(1)
    torch.testing.assert_close(prediction, net(x), rtol=1e-9, atol=1e-12)


def test_a_constant_x_makes_equal_rows(any_linear_net):
    design = any_linear_net().design_matrix(torch.full((4, any_linear_net.num_features), 0.5))
    assert torch.equal(design, design[:1].expand(4, -1))


def test_there_is_a_name_for_each_coefficient(any_linear_net):
    net = any_linear_net()
    num_columns = net.columns(torch.zeros(1, any_linear_net.num_features)).shape[1]
    assert net.coefficient_names() == coefficient_names(num_columns, net.has_intercept)
    assert net.coefficients().shape == (len(net.coefficient_names()),)


def test_the_coefficients_begin_where_they_are_told(any_linear_net):
    start = [float(index) - 2.5 for index, _ in enumerate(any_linear_net().coefficient_names())]
    assert any_linear_net(initial_coefficients=start).coefficients().tolist() == start


@pytest.mark.parametrize("extra", [-1, 1])
def test_a_start_of_a_wrong_count_is_refused(any_linear_net, extra):
    count = len(any_linear_net().coefficient_names())
    with pytest.raises(InputError, match=f"model.initial_coefficients: expected {count} .* came {count + extra}"):
        any_linear_net(initial_coefficients=[0.0] * (count + extra))


def test_without_a_start_the_layer_draws_as_torch_does(any_linear_net):
    net = any_linear_net(5)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        torchs = torch.nn.Linear(net.linear.in_features, 1, bias=net.linear.bias is not None)
    assert torch.equal(net.linear.weight, torchs.weight)


def test_the_coefficients_of_a_stack_are_those_of_its_members(any_linear_net):
    members = [any_linear_net(seed) for seed in (0, 1, 2)]
    parameters, _ = torch.func.stack_module_state(members)
    stacked = torch.stack([member.coefficients() for member in members])
    assert torch.equal(members[0].coefficients_of(parameters), stacked)
