"""Looking at a module shows its loss, gradients and hidden activations, and changes nothing."""

import pytest
import torch
from torch import nn

from descentlab.callbacks import observation
from descentlab.callbacks.observation import observe
from descentlab.engines.batches import FullBatch, ShuffledBatches
from descentlab.modules.regression import RegressionModule

X = torch.linspace(-1, 1, 12)[:, None]
Y = X**2
TRAINING = {
    "loss": {"_target_": "descentlab.functional.losses.mse"},
    "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1},
}


def module_of(*layers: nn.Module) -> RegressionModule:
    return RegressionModule(nn.Sequential(*layers), **TRAINING)


def test_the_gradients_are_those_of_backward():
    module = module_of(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1))
    seen = observe(module, FullBatch(X, Y))
    loss = nn.functional.mse_loss(module.net(X), Y)
    loss.backward()
    assert torch.equal(seen.loss, loss.detach())
    assert list(seen.gradients) == [name for name, _ in module.net.named_parameters()]
    for name, parameter in module.net.named_parameters():
        assert torch.equal(seen.gradients[name], parameter.grad)


def test_the_gradient_norm_is_that_of_all_gradients_together():
    module = module_of(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1))
    seen = observe(module, FullBatch(X, Y))
    together = torch.cat([gradient.flatten() for gradient in seen.gradients.values()])
    assert seen.gradient_norm == pytest.approx(together.norm().item(), rel=1e-6)


def test_the_activations_are_the_outputs_of_the_layers_without_parameters():
    module = module_of(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1))
    seen = observe(module, FullBatch(X, Y))
    assert list(seen.activations) == ["1"]
    assert torch.equal(seen.activations["1"], torch.tanh(module.net[0](X)))


def test_frozen_parameters_have_no_gradient():
    module = module_of(nn.Linear(1, 3), nn.Linear(3, 1))
    module.net[0].requires_grad_(False)
    assert list(observe(module, FullBatch(X, Y)).gradients) == ["1.weight", "1.bias"]


def test_looking_leaves_gradients_buffers_generators_and_the_position_as_they_were():
    module = module_of(nn.Linear(1, 3), nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 1))
    module.train()
    batches = ShuffledBatches(X, Y, batch_size=5, seed=1)
    batches.next()
    state = {name: value.clone() for name, value in module.net.state_dict().items()}
    stream, upcoming = torch.get_rng_state(), batches.peek()[0]
    observe(module, batches)
    assert all(torch.equal(value, state[name]) for name, value in module.net.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())
    assert torch.equal(torch.get_rng_state(), stream)
    assert torch.equal(batches.next()[0], upcoming)
    assert not any(layer._forward_hooks for layer in module.net.modules())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_looking_leaves_the_generator_of_a_gpu_as_it_was():
    module = module_of(nn.Linear(1, 3), nn.Dropout(), nn.Linear(3, 1)).to("cuda")
    before = torch.cuda.get_rng_state()
    observe(module, FullBatch(X, Y))
    assert torch.equal(torch.cuda.get_rng_state(), before)


def test_looking_keeps_the_generators_of_the_device_that_the_module_is_on(monkeypatch):
    kept = []
    monkeypatch.setattr(observation, "generator_states", lambda device: {"of": device})
    monkeypatch.setattr(observation, "set_generator_states", lambda states, device: kept.append((states["of"], device)))
    module = module_of(nn.Linear(1, 1))
    observe(module, FullBatch(X, Y))
    assert kept == [(module.device, module.device)]
