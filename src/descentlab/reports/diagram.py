"""A net as layers and nodes (lesson 4j), from the module itself."""

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from torch import Tensor, nn

from descentlab.nets.linear_in_parameters import LinearInParameters
from descentlab.nets.polynomial import Polynomial
from descentlab.reports.layers import Step, trace
from descentlab.reports.subject import Subject

_MOST_NODES = 12
_ENDS = 4
"""Nodes drawn at either end of a layer that is shortened."""

_MOST_WEIGHTS = 12
"""Edges between two layers up to which each has its weight written on it."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A column of nodes.

    Attributes:
        name: under it.
        width: how many nodes there are.
        functions: what is applied to each node, in order.
        labels: written in the nodes; empty for none.
        weights: of the edges from the layer before; None without edges of their own.
        bias: added to each node; None for none.
    """

    name: str
    width: int
    functions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    weights: Float[Tensor, "unit input"] | None = field(default=None, repr=False)
    bias: Float[Tensor, " unit"] | None = field(default=None, repr=False)

    @property
    def shown(self) -> list[int]:
        """The nodes that are drawn: all, or those at the ends."""
        if self.width <= _MOST_NODES:
            return list(range(self.width))
        return [*range(_ENDS), *range(self.width - _ENDS, self.width)]


def layers_of(net: nn.Module, x: Float[Tensor, "sample feature"]) -> list[Layer]:
    """The layers of a net, as they work on inputs like `x`.

    A linear layer is a column of nodes with its weights as edges; whatever follows it and changes no width
    is a function of that column. Layers of another kind are columns without edges.

    Args:
        net: any module from (sample, feature) to (sample, target); the layers are drawn as one chain, in
            the order in which they work.
        x: a sample is enough.
    """
    inputs = ("x",) if x.shape[1] == 1 else tuple(f"x{k + 1}" for k in range(x.shape[1]))
    layers = [Layer("input", x.shape[1], labels=inputs)]
    for step in trace(net, x):
        before = layers[-1]
        if isinstance(step.module, nn.Linear):
            if step.input.shape[1] != before.width:
                layers.append(_columns(net, step, before))
            bias = None if step.module.bias is None else step.module.bias.detach()
            weights = step.module.weight.detach()
            layers.append(Layer(step.name, step.module.out_features, ("Linear",), weights=weights, bias=bias))
        elif step.output.shape[1] == before.width and len(layers) > 1:
            layers[-1] = replace(before, functions=(*before.functions, step.kind))
        else:
            layers.append(Layer(step.name, step.output.shape[1], functions=(step.kind,)))
    if layers[-1].width == 1:
        layers[-1] = replace(layers[-1], labels=("ŷ",))
    return layers


def _columns(net: nn.Module, step: Step, before: Layer) -> Layer:
    """What a net makes of its input before a linear layer, without a module that does it."""
    width = step.input.shape[1]
    if isinstance(net, Polynomial):
        labels = tuple("x" if power == 1 else f"$x^{{{power}}}$" for power in range(1, width + 1))
        return Layer("powers", width, labels=labels)
    with_ones = isinstance(net, LinearInParameters) and net.intercept_as_column
    return Layer("columns", width, labels=("1", *before.labels) if with_ones else ())


def diagram_figure(subject: Subject) -> Figure:
    """The layers of a model from left to right; the colour of an edge is its weight's sign, its thickness
    the weight's size beside the largest of its layer."""
    layers = layers_of(subject.module.net, subject.data.stages()["train"].x[:1])
    tallest = max(len(layer.shown) + (layer.width > _MOST_NODES) for layer in layers)
    figure = Figure(figsize=(2.1 * len(layers) + 0.6, max(2.8, 0.62 * tallest + 1.6)))
    axes = figure.subplots()
    axes.set_axis_off()
    heights = [_heights(layer) for layer in layers]
    for k, layer in enumerate(layers):
        if k > 0:
            _draw_edges(axes, k, layer, heights[k - 1], heights[k])
    for k, layer in enumerate(layers):
        _draw_nodes(axes, k, layer, heights[k], tallest)
    axes.set_xlim(-0.5, len(layers) - 0.5)
    axes.set_ylim(-tallest / 2 - 1.7, tallest / 2 + 0.2)
    return figure


def _heights(layer: Layer) -> dict[int, float]:
    """Where each shown node stands; a shortened layer has a gap in its middle."""
    rows = len(layer.shown) + (layer.width > _MOST_NODES)
    places = [row + (row >= _ENDS and layer.width > _MOST_NODES) for row in range(len(layer.shown))]
    return {node: (rows - 1) / 2 - place for node, place in zip(layer.shown, places, strict=True)}


def _draw_edges(axes: Axes, k: int, layer: Layer, left: dict[int, float], right: dict[int, float]) -> None:
    if layer.weights is None:
        axes.annotate("", (k - 0.2, 0), (k - 0.8, 0), arrowprops={"arrowstyle": "->", "color": "C3"})
        return
    weights = layer.weights.double()
    pairs = [(i, j) for i in left for j in right]
    largest = max(float(weights.abs().max()), torch.finfo(torch.float64).tiny)
    lines = [((k - 1, left[i]), (k, right[j])) for i, j in pairs]
    values = [float(weights[j, i]) for i, j in pairs]
    colours = ["C0" if value < 0 else "C1" for value in values]
    axes.add_collection(
        LineCollection(
            lines, colors=colours, linewidths=[0.4 + 2 * abs(v) / largest for v in values], alpha=0.8, zorder=1
        )
    )
    if weights.numel() > _MOST_WEIGHTS:
        return
    for (i, j), value in zip(pairs, values, strict=True):
        along = _along(i, len(left), j, len(right))
        y = left[i] + along * (right[j] - left[i])
        box = {"facecolor": axes.get_facecolor(), "edgecolor": "none", "pad": 1.0, "alpha": 0.85}
        axes.text(k - 1 + along, y, f"{value:.3g}", fontsize=8.5, ha="center", va="center", bbox=box, zorder=2)


def _along(i: int, num_left: int, j: int, num_right: int) -> float:
    """How far along the edge from node i to node j its weight stands, 0 to 1, where edges do not cross."""
    if min(num_left, num_right) == 1:
        return 0.5
    if num_left <= num_right:
        return 0.8 - 0.3 * i / (num_left - 1)
    return 0.2 + 0.3 * j / (num_right - 1)


def _draw_nodes(axes: Axes, k: int, layer: Layer, heights: dict[int, float], tallest: int) -> None:
    for node, y in heights.items():
        axes.plot(
            k, y, "o", markersize=26, color=axes.get_facecolor(), markeredgecolor="C2", markeredgewidth=1.8, zorder=3
        )
        if layer.labels:
            axes.text(k, y, layer.labels[node], ha="center", va="center", zorder=4)
        if layer.bias is not None and layer.width <= _MOST_NODES and layer.bias.numel() <= _MOST_WEIGHTS:
            axes.text(k, y - 0.46, f"{float(layer.bias[node]):+.3g}", fontsize=8, ha="center", va="center", zorder=4)
    if layer.width > _MOST_NODES:
        axes.text(k, 0, "⋮", ha="center", va="center", fontsize=18)
    count = f"{layer.width} node{'s' * (layer.width > 1)}"
    caption = "\n".join([layer.name, *layer.functions, count])
    axes.text(k, -tallest / 2 - 0.35, caption, ha="center", va="top", fontsize=10)
