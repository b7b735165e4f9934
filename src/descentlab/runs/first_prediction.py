"""What a net gives for some of its points, before the run begins: mistakes of its file are told in one line each."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from descentlab.engines.drawing import CPU, drawing
from descentlab.errors import InputError
from descentlab.modules.regression import RegressionModule

_MOST_SAMPLES = 1000


def check_layers(net: nn.Module) -> None:
    """Refuse parameters that would not be trained, or have no size yet.

    Raises:
        InputError: naming the class, the layer and what to type instead.
    """
    known, of_torch = set(net.parameters()), set(vars(nn.Module()))
    for module in net.modules():
        name = type(module).__name__
        for attribute in set(vars(module)) - of_torch:
            held = vars(module)[attribute]
            several = held.values() if isinstance(held, dict) else held if isinstance(held, list | tuple) else ()
            layers = [each for each in several if isinstance(each, nn.Module)]
            if any(p.requires_grad and p not in known for layer in layers for p in layer.parameters()):
                kind = "nn.ModuleDict" if isinstance(held, dict) else "nn.ModuleList"
                raise InputError(
                    f"model: expected the layers of {name}.{attribute} in an {kind}, got a {type(held).__name__}, "
                    f"in which they are not trained; type self.{attribute} = {kind}(…)."
                )
    for path, parameter in net.named_parameters():
        if is_lazy(parameter):
            raise InputError(f"model: expected a size for {path}, got a lazy layer; give it num_features.")


def first_prediction(module: RegressionModule, x: Tensor) -> Tensor | None:
    """The prediction for the first points, by a copy, so that nothing of the module changes; None where it has none.

    Raises:
        InputError: it is no tensor, or does not depend on the parameters.
    """
    asked: nn.Module = module.net if type(module).forward is RegressionModule.forward else module
    try:
        asked = copy.deepcopy(asked)
    except Exception:  # what has no copy is seen when it trains
        return None
    with drawing(0, CPU), torch.enable_grad():
        prediction = asked(x[:_MOST_SAMPLES].clone())
    name = type(asked).__name__
    is_tensor = isinstance(prediction, Tensor)
    if not is_tensor or prediction.shape[:1] != x[:_MOST_SAMPLES].shape[:1]:
        came = f"the shape {tuple(prediction.shape)}" if is_tensor else type(prediction).__name__
        raise InputError(f"model: expected {name}.forward to return a tensor of shape (sample, 1), got {came}.")
    if not prediction.requires_grad and any(parameter.requires_grad for parameter in asked.parameters()):
        raise InputError(f"model: expected {name}.forward to return what depends on its parameters, got a constant.")
    return prediction
