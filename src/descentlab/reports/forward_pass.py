"""What a net does to its input, step by step and with its branches, read off one forward pass."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from descentlab.engines.record import tensors_in

_SHAPES_ONLY = frozenset(
    {
        *("alias", "clone", "contiguous", "detach", "double", "expand", "flatten", "float", "get", "permute"),
        *("requires_grad", "reshape", "squeeze", "t", "to", "transpose", "type_as", "unflatten", "unsqueeze", "view"),
    }
)
"""Functions that hand on the numbers that they are given."""

_OPERATIONS = {
    "add": "+",
    "iadd": "+",
    "radd": "+",
    "sum": "+",
    "sub": "-",
    "isub": "-",
    "rsub": "-",
    "mul": "·",
    "imul": "·",
    "rmul": "·",
    "div": "/",
    "truediv": "/",
}
_JOINS = {"+": "sum", "-": "difference", "·": "product", "/": "quotient"}
CONCATENATION = "concatenation"


@dataclass(frozen=True, eq=False)
class Step:
    """One module without children, or one function of torch between modules, at work.

    Attributes:
        name: of the module in the net, or of the function.
        kind: what it is called in a picture: `Linear`, `relu`, `sigmoid(200 u)`, `· 0.5`; of several tensors
            joined element by element the sign of the operation.
        module: that did it; None for a function.
        sources: the places of the steps that it works on; the net's input is step 0 and has none.
        input: the first of what it was given.
        output: of it.
    """

    name: str
    kind: str
    module: nn.Module | None
    sources: tuple[int, ...]
    input: Tensor
    output: Float[Tensor, "sample _"]

    @property
    def has_parameters(self) -> bool:
        """Whether it holds something to train."""
        return self.module is not None and any(True for _ in self.module.parameters())


def trace(net: nn.Module, x: Float[Tensor, "sample feature"]) -> list[Step]:
    """The steps of a net in the order in which they work on `x`, from the input to the prediction, the net left
    as it is; what the prediction does not depend on is left out.

    Seen are modules without children and the functions of torch that are called outside of one and give a tensor
    of (sample, unit), but for those that only change its shape or type.
    """
    watch = _Watch(x)
    hooks = []
    for name, module in net.named_modules():
        is_all = not name and not type(module).__module__.startswith("torch.")  # a net of functions alone
        if not is_all and not list(module.children()):
            hooks.append(module.register_forward_pre_hook(lambda _, __: watch.enter()))
            hooks.append(module.register_forward_hook(watch.seen_by(name or type(net).__name__)))
    training = net.training
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]), watch:
            prediction = net.eval()(x)
    finally:
        net.train(training)
        for hook in hooks:
            hook.remove()
    return _leading_to(watch.sources_of(prediction), watch.steps)


class _Watch(TorchFunctionMode):
    """Notes the functions that a net calls between its modules, and what each works on."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.steps = [Step("input", "input", None, (), x, x)]
        self._depth = 0
        self._made_by: dict[int, tuple[int, ...]] = {id(x): (0,)}
        self._kept: list[Any] = [x]  # so that no id is given twice

    def enter(self) -> None:
        self._depth += 1

    def sources_of(self, given: Any) -> tuple[int, ...]:
        """The steps that made these tensors."""
        return tuple(dict.fromkeys(step for each in tensors_in(given) for step in self._made_by.get(id(each), ())))

    def seen_by(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        """A hook that notes what a module has done."""

        def hook(module: nn.Module, given: Any, output: Any) -> None:
            self._depth -= 1
            self._note(name, _kind(module), module, given, output)

        return hook

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = [*args, *(kwargs or {}).values()]
        sources = self.sources_of(given) if self._depth == 0 else ()
        output = func(*args, **(kwargs or {}))
        if sources:
            self._note_function(getattr(func, "__name__", "").strip("_"), given, sources, output)
        return output

    def _note_function(self, name: str, given: list[Any], sources: tuple[int, ...], output: Any) -> None:
        sign = _OPERATIONS.get(name)
        constant = next((each for each in given if isinstance(each, int | float)), None)
        changes_nothing = (sign, constant) in (("+", 0), ("-", 0), ("·", 1), ("/", 1)) and name != "rsub"
        if name in _SHAPES_ONLY or (changes_nothing and len(sources) == 1):
            self._remember(sources, output)
        elif len(sources) > 1:
            joined = (
                CONCATENATION if name in ("cat", "concat", "concatenate", "hstack") else _JOINS.get(sign or "", name)
            )
            self._note(joined, sign or "", None, given, output)
        elif sign is not None and name != "sum" and constant is not None:
            self._note(
                name, f"{constant:g} {sign}" if name.startswith("r") else f"{sign} {constant:g}", None, given, output
            )
        elif name == "pow" and constant is not None:
            self._note(name, f"power {constant:g}", None, given, output)
        else:
            self._note(*(("part", "part") if name == "getitem" else (name, name)), None, given, output)

    def _note(self, name: str, kind: str, module: nn.Module | None, given: Any, output: Any) -> None:
        sources = self.sources_of(given)
        if isinstance(output, Tensor) and output.ndim == 2:
            first = next(tensors_in(given))
            self.steps.append(Step(name, kind, module, sources, first.detach(), output.detach().clone()))
            sources = (len(self.steps) - 1,)
        self._remember(sources, output)

    def _remember(self, sources: tuple[int, ...], output: Any) -> None:
        for each in tensors_in(output):
            self._made_by[id(each)] = sources
            self._kept.append(each)


def _kind(module: nn.Module) -> str:
    kind = type(module).__name__
    if any(True for _ in module.parameters()):
        return kind
    return f"{kind}({module.extra_repr()})" if module.extra_repr() else kind


def _leading_to(ends: tuple[int, ...], steps: list[Step]) -> list[Step]:
    """The input and the steps from which the ends can be reached, numbered anew."""
    wanted = {0, *ends}
    for place in range(len(steps) - 1, 0, -1):
        if place in wanted:
            wanted |= {*steps[place].sources}
    places = {old: new for new, old in enumerate(sorted(wanted))}
    kept = [steps[old] for old in sorted(wanted)]
    return [
        Step(each.name, each.kind, each.module, tuple(places[old] for old in each.sources), each.input, each.output)
        for each in kept
    ]
