"""The layers of a net as columns of nodes, and where each column of a diagram stands."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from jaxtyping import Float
from torch import Tensor, nn

from descentlab.nets.linear_in_parameters import LinearInParameters
from descentlab.nets.polynomial import Polynomial
from descentlab.reports.forward_pass import CONCATENATION, Step, trace

MOST_NODES = 12
_ENDS = 4
"""Nodes drawn at either end of a layer that is shortened."""

_LINE, _GAP = 0.31, 1.45
"""The height of a line of a caption, and what lies between two columns beside it, from node to node."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A column of nodes.

    Attributes:
        name: under it.
        width: how many nodes there are.
        sources: the places of the layers that it is made of.
        functions: what is applied to each node, in order.
        labels: written in the nodes; empty for none.
        weights: of the edges from its only source; None without edges of their own.
        bias: added to each node; None for none.
        joins: whether each node is made of single nodes of its sources.
    """

    name: str
    width: int
    sources: tuple[int, ...] = ()
    functions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    weights: Float[Tensor, "unit input"] | None = field(default=None, repr=False)
    bias: Float[Tensor, " unit"] | None = field(default=None, repr=False)
    joins: bool = False

    @property
    def is_shortened(self) -> bool:
        """Whether some of its nodes are left out."""
        return self.width > MOST_NODES

    @property
    def shown(self) -> list[int]:
        """The nodes that are drawn: all, or those at the ends."""
        if not self.is_shortened:
            return list(range(self.width))
        return [*range(_ENDS), *range(self.width - _ENDS, self.width)]

    @property
    def rows(self) -> int:
        """Places that the nodes take, with one for those left out."""
        return len(self.shown) + self.is_shortened

    @property
    def caption(self) -> str:
        """What stands under it."""
        return "\n".join([self.name, *self.functions, f"{self.width} node{'s' * (self.width > 1)}"])

    @property
    def foot(self) -> float:
        """From its lowest node to the end of its caption, with some room."""
        return _GAP + _LINE * (2 + len(self.functions))

    def heights(self, centre: float) -> dict[int, float]:
        """Where each shown node stands; a shortened layer has a gap in its middle."""
        places = [row + (row >= _ENDS and self.is_shortened) for row in range(len(self.shown))]
        return {node: centre + (self.rows - 1) / 2 - place for node, place in zip(self.shown, places, strict=True)}


def layers_of(net: nn.Module, x: Float[Tensor, "sample feature"]) -> list[Layer]:
    """The layers of a net, as they work on inputs like `x`.

    A linear layer is a column of nodes with its weights as edges; whatever follows it alone and changes no width
    is a function of that column. What joins several columns, and layers of another kind, are columns too.

    Args:
        net: any module from (sample, feature) to (sample, target).
        x: a sample is enough.
    """
    inputs = ("x",) if x.shape[1] == 1 else tuple(f"x{k + 1}" for k in range(x.shape[1]))
    first = Layer("input", x.shape[1], labels=inputs)
    layers = _of_columns(net, first) if isinstance(net, LinearInParameters) else _of_steps(trace(net, x), first)
    if layers[-1].width == 1 and len(layers) > 1:
        layers[-1] = replace(layers[-1], labels=("ŷ",))
    return layers


def _of_columns(net: LinearInParameters, first: Layer) -> list[Layer]:
    """A model linear in its parameters: what it makes of its input, and the weighted sum of that."""
    width = net.linear.in_features
    layers = [first]
    if isinstance(net, Polynomial):
        labels = tuple("x" if power == 1 else f"$x^{{{power}}}$" for power in range(1, width + 1))
        layers.append(Layer("powers", width, (0,), labels=labels))
    elif width != first.width:
        layers.append(Layer("columns", width, (0,), labels=("1", *first.labels) if net.intercept_as_column else ()))
    return [*layers, _linear("linear", net.linear, (len(layers) - 1,))]


def _of_steps(steps: Sequence[Step], first: Layer) -> list[Layer]:
    layers, places = [first], {0: 0}
    used = [source for step in steps for source in step.sources]
    for number, step in enumerate(steps[1:], start=1):
        sources = tuple(places[source] for source in step.sources)
        before = layers[sources[0]] if sources else first
        width = step.output.shape[1]
        follows = len(sources) == 1 and sources[0] > 0 and used.count(step.sources[0]) == 1 and width == before.width
        if isinstance(step.module, nn.Linear):
            layers.append(_linear(step.name, step.module, sources))
        elif follows:
            layers[sources[0]] = replace(before, functions=(*before.functions, step.kind))
        elif len(sources) > 1:
            joins = step.name == CONCATENATION or all(layers[source].width == width for source in sources)
            labels = (step.kind,) * width if step.kind else ()
            layers.append(Layer(step.name, width, sources, labels=labels, joins=joins))
        else:
            layers.append(Layer(step.name, width, sources, functions=() if step.kind == step.name else (step.kind,)))
        places[number] = sources[0] if follows and not isinstance(step.module, nn.Linear) else len(layers) - 1
    return layers


def _linear(name: str, module: nn.Linear, sources: tuple[int, ...]) -> Layer:
    bias = None if module.bias is None else module.bias.detach()
    weights = module.weight.detach()
    return Layer(name, module.out_features, sources, ("Linear",), weights=weights, bias=bias)


@dataclass(frozen=True)
class Place:
    """Where a column stands: its number from the left, and the height of its centre."""

    depth: int
    centre: float


def places_of(layers: Sequence[Layer]) -> list[Place]:
    """A place for each column: behind all of its sources, beside the columns of its depth, as near as can be to
    the height of its sources."""
    depths: list[int] = []
    for layer in layers:
        depths.append(1 + max((depths[source] for source in layer.sources), default=-1))
    centres = [0.0] * len(layers)
    for depth in range(max(depths) + 1):
        wished = {
            k: sum(centres[source] for source in layers[k].sources) / max(1, len(layers[k].sources))
            for k, own in enumerate(depths)
            if own == depth
        }
        order = sorted(wished, key=lambda k: -wished[k])
        whole = sum(layers[k].rows - 1 for k in order) + sum(layers[k].foot for k in order[:-1])
        top = sum(wished.values()) / len(wished) + whole / 2
        for k in order:
            centres[k] = top - (layers[k].rows - 1) / 2
            top -= layers[k].rows - 1 + layers[k].foot
    return [Place(depth, centre) for depth, centre in zip(depths, centres, strict=True)]
