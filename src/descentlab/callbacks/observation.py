"""What can be seen of a module between two steps: loss, gradients, hidden activations."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.func import functional_call

from descentlab.callbacks.steps import points_of
from descentlab.engines.drawing import generator_states, set_generator_states
from descentlab.engines.optimizer_state import optimized
from descentlab.engines.problem import Batches
from descentlab.engines.recorded import RecordedEngine
from descentlab.modules.coefficients import flat_parameters
from descentlab.modules.regression import RegressionModule


@dataclass(frozen=True)
class Observation:
    """The state of a module at one step, on the batch of its next update.

    Attributes:
        loss: at the parameters as they are.
        gradients: of the loss, by the parameters' names.
        activations: outputs of the layers without parameters, by the layers' names.
    """

    loss: Float[Tensor, ""]
    gradients: dict[str, Tensor]
    activations: dict[str, Tensor]

    @property
    def gradient_norm(self) -> float:
        """The Euclidean norm of all gradients together."""
        norms = [gradient.norm() for gradient in self.gradients.values()]
        return float(torch.stack(norms).norm()) if norms else 0.0


_latest: WeakKeyDictionary[Trainer, tuple[int, Tensor, Observation]] = WeakKeyDictionary()


def observe_run(trainer: Trainer, module: RegressionModule) -> Observation:
    """The module of a run as it is now; callbacks that look at the same step share one observation."""
    step, parameters = trainer.global_step, flat_parameters(module.net)
    latest = _latest.get(trainer)
    if latest is None or latest[0] != step or not torch.equal(latest[1], parameters):  # an average may take their place
        latest = _latest[trainer] = step, parameters, observe(module, points_of(trainer).batches)
    return latest[2]


def observe_gradients(trainer: Trainer, module: RegressionModule) -> Observation:
    """The same without the activations, from the engine's record of a step where it has one."""
    engine = module.engine
    found = engine.evaluate() if isinstance(engine, RecordedEngine) else None
    if not isinstance(engine, RecordedEngine) or found is None:
        return observe_run(trainer, module)
    loss, gradients = found
    names = {id(parameter): name for name, parameter in module.net.named_parameters()}
    pairs = zip(optimized(engine.problem), gradients, strict=True)
    return Observation(loss, {names[id(p)]: gradient for p, gradient in pairs if gradient is not None}, {})


def observe(module: RegressionModule, batches: Batches) -> Observation:
    """Look at a module without touching it: no gradient, buffer or generator is left changed."""
    x, y = (tensor.to(module.device) for tensor in batches.peek())
    activations: dict[str, Tensor] = {}
    hooks = [
        layer.register_forward_hook(lambda _, __, output, name=name: activations.update({name: output.detach()}))
        for name, layer in module.net.named_modules()
        if name and not any(True for _ in layer.parameters()) and not list(layer.children())
    ]
    parameters = {name: p for name, p in module.net.named_parameters() if p.requires_grad}
    buffers = {name: buffer.clone() for name, buffer in module.net.named_buffers()}
    generators = generator_states(module.device)
    try:
        with torch.enable_grad():
            loss = module.loss(_call(module.net, parameters, buffers, x), y)
            gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    finally:
        set_generator_states(generators, module.device)
        for hook in hooks:
            hook.remove()
    pairs = zip(parameters, gradients, strict=True)
    return Observation(loss.detach(), {name: gradient for name, gradient in pairs if gradient is not None}, activations)


def _call(net: nn.Module, parameters: dict[str, nn.Parameter], buffers: dict[str, Tensor], x: Tensor) -> Tensor:
    if not buffers:
        prediction: Tensor = net(x)
    else:
        prediction = functional_call(net, {**parameters, **buffers}, (x,))
    return prediction
