"""A net as layers and nodes (lesson 4j), from the module itself."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from torch import Tensor, nn

from descentlab.reports.forward_pass import CONCATENATION
from descentlab.reports.layers import Layer, Place, layers_of, places_of
from descentlab.reports.subject import CannotDraw, Subject

_MOST_WEIGHTS = 12
"""Edges between two layers up to which each has its weight written on it, where one of them has two nodes at most:
between others there is no place that only one edge goes through."""

_MOST_COLUMNS = 50

_ROOM = 0.45
"""Between a node and an edge that passes it by."""

_LANE = 0.55
"""Between two edges that go around."""


def diagram_figure(subject: Subject) -> Figure:
    """The net of a run, or of a model that was never trained."""
    return net_figure(subject.module.net, subject.data.stages()["train"].x[:1])


def net_figure(net: nn.Module, x: Float[Tensor, "sample feature"]) -> Figure:
    """The layers of a net from left to right; the colour of an edge is its weight's sign, its thickness
    the weight's size beside the largest of its layer. Grey edges hand a node on as it is; those that would run
    through other layers are one arrow around them.

    Args:
        net: any module from (sample, feature) to (sample, target).
        x: an input of it.

    Raises:
        CannotDraw: it has too many layers.
    """
    layers = layers_of(net, x)
    places = places_of(layers)
    if (count := max(place.depth for place in places) + 1) > _MOST_COLUMNS:
        raise CannotDraw(f"the net is {count} layers deep, and a diagram has room for {_MOST_COLUMNS}")
    heights = [layer.heights(place.centre) for layer, place in zip(layers, places, strict=True)]
    high = max(max(own.values()) for own in heights)
    low = min(min(own.values()) - layer.foot for layer, own in zip(layers, heights, strict=True))
    around = [pair for pair in _pairs(layers) if _is_barred(*pair, layers, places, heights)]
    above = [pair for pair in around if places[pair[0]].centre >= 0]
    below = [pair for pair in around if pair not in above]
    top, bottom = high + 0.7 + _LANE * len(above), low - _LANE * len(below)
    figure = Figure(figsize=(2.1 * count + 0.6, max(2.8, 0.62 * (top - bottom))))
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_ylim(bottom, top)
    for source, target in _pairs(layers):
        if (source, target) not in around:
            _draw_edges(axes, layers, places, heights, source, target)
    for number, (source, target) in enumerate(above):
        ends = max(heights[source].values()), max(heights[target].values())
        _draw_around(axes, places[source].depth, places[target].depth, *ends, high + 0.7 + _LANE * number)
    for number, (source, target) in enumerate(below):
        ends = min(heights[source].values()), min(heights[target].values())
        _draw_around(axes, places[source].depth, places[target].depth, *ends, low - _LANE * number)
    is_chain = len(layers) == count
    lowest = min(min(own.values()) for own in heights)
    for layer, place, own in zip(layers, places, heights, strict=True):
        _draw_nodes(axes, layer, place, own, lowest if is_chain else min(own.values()))
    return figure


def _pairs(layers: Sequence[Layer]) -> Iterator[tuple[int, int]]:
    for target, layer in enumerate(layers):
        for source in layer.sources:
            yield source, target


def _is_barred(
    source: int, target: int, layers: Sequence[Layer], places: Sequence[Place], heights: Sequence[dict[int, float]]
) -> bool:
    """Whether another column stands between two that are joined."""
    begin, end = places[source], places[target]
    for layer, place, own in zip(layers, places, heights, strict=True):
        if begin.depth < place.depth < end.depth:
            along = (place.depth - begin.depth) / (end.depth - begin.depth)
            lows, highs = ([pick(heights[k].values()) for k in (source, target)] for pick in (min, max))
            low, high = (a + along * (b - a) for a, b in (lows, highs))
            if min(own.values()) - layer.foot < high + _ROOM and low - _ROOM < max(own.values()):
                return True
    return False


def _draw_edges(
    axes: Axes,
    layers: Sequence[Layer],
    places: Sequence[Place],
    heights: Sequence[dict[int, float]],
    source: int,
    target: int,
) -> None:
    layer, left, right = layers[target], heights[source], heights[target]
    begin, end = places[source].depth, places[target].depth
    if layer.joins:
        lines = [
            ((begin, left[i]), (end, right[j])) for i, j in _joined(layers, source, target) if i in left and j in right
        ]
        axes.add_collection(LineCollection(lines, colors="C3", linewidths=1.2, zorder=1))
    elif layer.weights is None or layer.weights.shape[1] != layers[source].width:
        middle, foot = places[target].centre, places[source].centre
        axes.annotate("", (end - 0.2, middle), (begin + 0.2, foot), arrowprops={"arrowstyle": "->", "color": "C3"})
    else:
        _draw_weights(axes, layer, begin, end, left, right)


def _joined(layers: Sequence[Layer], source: int, target: int) -> Iterator[tuple[int, int]]:
    """The nodes of a source with the node of a joining layer that each is handed on to."""
    layer = layers[target]
    offset = 0
    for other in layer.sources:
        if other == source:
            yield from ((i, offset + i) for i in range(layers[source].width))
        if layer.name == CONCATENATION:
            offset += layers[other].width


def _draw_weights(
    axes: Axes, layer: Layer, begin: int, end: int, left: dict[int, float], right: dict[int, float]
) -> None:
    assert layer.weights is not None
    weights = layer.weights.double()
    pairs = [(i, j) for i in left for j in right]
    largest = max(float(weights.abs().max()), torch.finfo(torch.float64).tiny)
    lines = [((begin, left[i]), (end, right[j])) for i, j in pairs]
    values = [float(weights[j, i]) for i, j in pairs]
    colours = ["C0" if value < 0 else "C1" for value in values]
    axes.add_collection(
        LineCollection(
            lines, colors=colours, linewidths=[0.4 + 2 * abs(v) / largest for v in values], alpha=0.8, zorder=1
        )
    )
    if weights.numel() > _MOST_WEIGHTS or min(weights.shape) > 2:
        return
    for (i, j), value in zip(pairs, values, strict=True):
        along = _along(i, len(left), j, len(right))
        y = left[i] + along * (right[j] - left[i])
        box = {"facecolor": axes.get_facecolor(), "edgecolor": "none", "pad": 1.0, "alpha": 0.85}
        x = begin + along * (end - begin)
        axes.text(x, y, f"{value:.3g}", fontsize=8.5, ha="center", va="center", bbox=box, zorder=2)


def _along(i: int, num_left: int, j: int, num_right: int) -> float:
    """How far along the edge from node i to node j its weight stands, 0 to 1, where edges do not cross."""
    if min(num_left, num_right) == 1:
        return 0.5
    if num_left <= num_right:
        return 0.8 - 0.3 * i / (num_left - 1)
    return 0.2 + 0.3 * j / (num_right - 1)


def _draw_around(axes: Axes, begin: int, end: int, first: float, last: float, height: float) -> None:
    """An arrow from the node at the edge of one column, over or under those between, to that of another."""
    turns = [begin + 0.14, begin + 0.3, end - 0.3]
    axes.plot(turns, [first, height, height], color="C3", linewidth=1.4, zorder=1)
    arrow = {"arrowstyle": "->", "shrinkA": 0, "shrinkB": 0, "color": "C3", "linewidth": 1.4}
    axes.annotate("", (end - 0.14, last), (end - 0.3, height), arrowprops=arrow)


def _draw_nodes(axes: Axes, layer: Layer, place: Place, heights: dict[int, float], foot: float) -> None:
    paper = axes.get_facecolor()
    for node, y in heights.items():
        axes.plot(place.depth, y, "o", markersize=26, color=paper, markeredgecolor="C2", markeredgewidth=1.8, zorder=3)
        if layer.labels:
            axes.text(place.depth, y, layer.labels[node], ha="center", va="center", zorder=4)
        if layer.bias is not None and not layer.is_shortened and layer.bias.numel() <= _MOST_WEIGHTS:
            bias = f"{float(layer.bias[node]):+.3g}"
            axes.text(place.depth, y - 0.46, bias, fontsize=8, ha="center", va="center", zorder=4)
    if layer.is_shortened:
        axes.text(place.depth, place.centre, "⋮", ha="center", va="center", fontsize=18)
    axes.text(place.depth, foot - 0.72, layer.caption, ha="center", va="top", fontsize=10)
