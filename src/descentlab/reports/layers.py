"""What a net does to its input, layer by layer, read off one forward pass."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

FUNCTIONS = frozenset(
    {
        *("celu", "elu", "exp", "gelu", "hardtanh", "hardswish", "hardsigmoid", "leaky_relu"),
        *("log_softmax", "logsigmoid", "mish", "prelu", "relu", "relu6", "selu", "sigmoid"),
        *("silu", "sin", "cos", "softmax", "softplus", "softsign", "tanh"),
    }
)
"""Functions of torch that bend a layer, known where a net calls them without a module of their own."""


@dataclass(frozen=True, eq=False)
class Step:
    """One module without children, or one function of `FUNCTIONS`, at work.

    Attributes:
        name: of the module in the net, or of the function.
        kind: what it is called in a picture: `Linear`, `relu`, `sigmoid(200 u)`.
        module: that did it; None for a function.
        input, output: of it.
    """

    name: str
    kind: str
    module: nn.Module | None
    input: Float[Tensor, "sample _"]
    output: Float[Tensor, "sample _"]

    @property
    def has_parameters(self) -> bool:
        """Whether it holds something to train."""
        return self.module is not None and any(True for _ in self.module.parameters())


def trace(net: nn.Module, x: Float[Tensor, "sample feature"]) -> list[Step]:
    """The layers of a net in the order in which they work on `x`, the net left as it is.

    Seen are modules without children and the functions of `FUNCTIONS` that are called outside of one,
    where they give a tensor of (sample, unit). What branches is listed in the order of execution.
    """
    steps: list[Step] = []
    watch = _Watch(steps)
    hooks = []
    for name, module in net.named_modules():
        if not list(module.children()):
            hooks.append(module.register_forward_pre_hook(lambda _, __: watch.enter()))
            hooks.append(module.register_forward_hook(_seen_by(steps, watch, name or type(net).__name__)))
    training = net.training
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]), watch:
            net.eval()(x)
    finally:
        net.train(training)
        for hook in hooks:
            hook.remove()
    return steps


class _Watch(TorchFunctionMode):
    """Notes the functions that a net calls between its modules."""

    def __init__(self, steps: list[Step]) -> None:
        super().__init__()
        self._steps = steps
        self._depth = 0

    def enter(self) -> None:
        self._depth += 1

    def leave(self) -> None:
        self._depth -= 1

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").rstrip("_")
        if self._depth == 0 and name in FUNCTIONS and isinstance(output, Tensor) and output.ndim == 2:
            self._steps.append(Step(name, name, None, args[0], output))
        return output


def _seen_by(steps: list[Step], watch: _Watch, name: str) -> Callable[[nn.Module, Any, Any], None]:
    def hook(module: nn.Module, given: Any, output: Any) -> None:
        watch.leave()
        if isinstance(output, Tensor) and output.ndim == 2:
            steps.append(Step(name, _kind(module), module, given[0].detach(), output.detach()))

    return hook


def _kind(module: nn.Module) -> str:
    kind = type(module).__name__
    if any(True for _ in module.parameters()):
        return kind
    return f"{kind}({module.extra_repr()})" if module.extra_repr() else kind
