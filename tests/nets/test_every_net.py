"""What holds for every net there is, with each of its switches."""

import pytest
import torch

from descentlab.functional.losses import mse
from descentlab.functional.objectives import net_objective
from descentlab.functional.stability import largest_curvature


def points(num_samples: int, num_features: int, seed: int = 7) -> torch.Tensor:
    return torch.randn(num_samples, num_features, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("num_samples", [1, 2, 20])
def test_the_prediction_is_a_column_of_one_number_a_sample(any_net, num_samples):
    assert any_net()(points(num_samples, any_net.num_features)).shape == (num_samples, 1)


def test_a_sample_is_predicted_alone_as_among_others(any_net):
    net, x = any_net(), points(20, any_net.num_features)
    torch.testing.assert_close(net(x[4:5]), net(x)[4:5])


def test_a_stack_of_nets_predicts_what_its_members_predict(any_net):
    members = [any_net(seed) for seed in (0, 1, 2)]
    x = points(20, any_net.num_features)
    parameters, buffers = torch.func.stack_module_state(members)

    def predict(parameters, buffers):
        return torch.func.functional_call(members[0], (parameters, buffers), (x,))

    together = torch.func.vmap(predict)(parameters, buffers)
    torch.testing.assert_close(together, torch.stack([member(x) for member in members]))


def test_a_stack_of_nets_has_the_gradients_of_its_members(any_net):
    members = [any_net(seed) for seed in (0, 1, 2)]
    x, y = points(20, any_net.num_features), points(20, 1, seed=8)
    parameters, buffers = torch.func.stack_module_state(members)

    def loss(parameters, buffers):
        return mse(torch.func.functional_call(members[0], (parameters, buffers), (x,)), y)

    together = torch.func.vmap(torch.func.grad(loss))(parameters, buffers)
    for index, member in enumerate(members):
        mse(member(x), y).backward()
        for name, parameter in member.named_parameters():
            torch.testing.assert_close(together[name][index], parameter.grad)


def test_the_same_seed_builds_the_same_net(any_net):
    first, second = any_net(3).state_dict(), any_net(3).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_another_seed_builds_another_net(any_net):
    x = points(20, any_net.num_features)
    assert not torch.equal(any_net(3)(x), any_net(4)(x))


def test_a_saved_state_is_the_whole_net(any_net, tmp_path):
    net, fresh, x = any_net(0), any_net(1), points(20, any_net.num_features)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    fresh.load_state_dict(torch.load(tmp_path / "net.pt", weights_only=True))
    assert torch.equal(fresh(x), net(x))


def test_the_layers_stand_in_the_order_of_the_forward_pass(any_net):
    net, called = any_net(), []
    for name, layer in net.named_children():
        layer.register_forward_hook(lambda *_, name=name: called.append(name))
    net(points(2, any_net.num_features))
    assert called == [name for name, _ in net.named_children()]


def test_all_parameters_have_a_gradient(any_net):
    net = any_net()
    net(points(20, any_net.num_features)).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.usefixtures("float64_by_default")
def test_a_net_works_in_float64(any_net):
    assert any_net()(points(5, any_net.num_features)).dtype is torch.float64


@pytest.mark.usefixtures("float64_by_default")
def test_the_largest_curvature_is_that_of_the_whole_hessian(any_net):
    x, y = points(20, any_net.num_features), points(20, 1, seed=8)
    objective, point = net_objective(any_net(), mse, x, y)
    dense = torch.func.jacrev(torch.func.grad(objective))(point)
    found = largest_curvature(
        objective,
        point,
        generator=torch.Generator().manual_seed(0),
        relative_tolerance=1e-8,
        max_iterations=100,
    )
    assert found.largest == pytest.approx(float(torch.linalg.eigvalsh(dense)[-1]), rel=1e-6)
