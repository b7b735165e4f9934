"""A net as a diagram: its layers, nodes and edges, by what is drawn."""

import pytest
import torch
from torch import nn

from descentlab.reports.figures.diagram import diagram_figure, net_figure
from descentlab.reports.layers import layers_of, places_of
from descentlab.reports.subject import Subject
from descentlab.settings.compose import compose


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def num_edges(figure) -> int:
    return sum(len(edges.get_segments()) for edges in figure.axes[0].collections)


def subject(*overrides: str) -> Subject:
    return Subject.of_settings(compose(overrides))


def test_the_layers_of_two_relu_units():
    net = subject("model=relu_net", "model.hidden_width=2").module.net
    layers = layers_of(net, torch.ones(1, 1))
    assert [(layer.name, layer.width, layer.functions) for layer in layers] == [
        ("input", 1, ()),
        ("hidden1", 2, ("Linear", "ReLU")),
        ("output", 1, ("Linear",)),
    ]
    assert torch.equal(layers[1].weights, net.hidden1.weight)


def test_few_edges_carry_their_weights(two_units):
    figure = diagram_figure(two_units)
    net = two_units.module.net
    for weight in [*net.hidden1.weight.flatten().tolist(), *net.output.weight.flatten().tolist()]:
        assert f"{weight:.3g}" in texts(figure)
    assert num_edges(figure) == 4
    assert "hidden1\nLinear\nReLU\n2 nodes" in texts(figure)


def test_a_wide_layer_is_shortened_with_its_count(wide):
    figure = diagram_figure(wide)
    assert "hidden1\nLinear\nSteepSigmoid(slope=200.0)\n20 nodes" in texts(figure)
    assert "⋮" in texts(figure)
    assert num_edges(figure) == 8 + 8
    assert len(figure.axes[0].lines) == 1 + 8 + 1


def test_the_powers_of_a_polynomial_are_nodes():
    labels = texts(diagram_figure(subject("model=polynomial", "model.initial_coefficients=[1.5,2.0,3.0,4.0]")))
    assert {"x", "$x^{2}$", "$x^{3}$", "+1.5", "2", "3", "4"} <= set(labels)


def test_an_intercept_kept_as_a_column_is_an_input_of_one():
    labels = texts(diagram_figure(subject("experiment=line_two_inputs")))
    assert labels.count("1") == 1
    assert {"-5", "10"} <= set(labels)


def test_the_colour_of_an_edge_is_the_sign_of_its_weight(two_units):
    first = diagram_figure(two_units).axes[0].collections[0]
    positive, negative = (tuple(colour) for colour in first.get_colors())
    assert positive != negative
    assert two_units.module.net.hidden1.weight.flatten().sign().tolist() == [1, -1]


@pytest.mark.parametrize("width", [12, 13])
def test_a_dozen_nodes_are_all_drawn_and_more_are_not(width):
    net = nn.Sequential(nn.Linear(1, width), nn.ReLU(), nn.Linear(width, 1))
    layer = layers_of(net, torch.ones(1, 1))[1]
    assert len(layer.shown) == (12 if width == 12 else 8)
    assert (layer.shown[0], layer.shown[-1]) == (0, width - 1)


class Residual(nn.Module):
    """y = out(relu(h + back(tanh(inner(h))))) with h = stem(x)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.inner, self.back, self.out = (nn.Linear(*size) for size in ((1, 3), (3, 3), (3, 3), (3, 1)))

    def forward(self, x):
        h = self.stem(x)
        return self.out(torch.relu(h + self.back(torch.tanh(self.inner(h)))))


class Branches(nn.Module):
    """y = out(relu(left(x)) + sigmoid(right(x))), or of both beside each other."""

    def __init__(self, joins: str) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(1, 2), nn.Linear(1, 2)
        self.out = nn.Linear(2 if joins == "sum" else 4, 1)
        self.joins = joins

    def forward(self, x):
        branches = [torch.relu(self.left(x)), torch.sigmoid(self.right(x))]
        return self.out(sum(branches) if self.joins == "sum" else torch.cat(branches, dim=1))


def drawn(figure) -> set[tuple[tuple[float, float], tuple[float, float]]]:
    """The ends of all edges."""
    edges = (edge for each in figure.axes[0].collections for edge in each.get_segments())
    return {(tuple(begin.tolist()), tuple(end.tolist())) for begin, end in edges}


def test_a_residual_block_is_a_chain_with_an_edge_around_it():
    net, x = Residual(), torch.ones(1, 1)
    layers = layers_of(net, x)
    assert [(layer.name, layer.functions, layer.sources) for layer in layers] == [
        ("input", (), ()),
        ("stem", ("Linear",), (0,)),
        ("inner", ("Linear", "tanh"), (1,)),
        ("back", ("Linear",), (2,)),
        ("sum", ("relu",), (1, 3)),
        ("out", ("Linear",), (4,)),
    ]
    assert [place.depth for place in places_of(layers)] == [0, 1, 2, 3, 4, 5]
    figure = net_figure(net, x)
    assert len(drawn(figure)) == 3 + 9 + 9 + 3 + 3
    (around,) = [line for line in figure.axes[0].lines if line.get_marker() == "None"]
    assert (around.get_xdata()[0], around.get_xdata()[-1]) == pytest.approx((1.14, 3.7))
    assert min(around.get_ydata()[1:]) > max(end[1] for edge in drawn(figure) for end in edge)
    assert texts(figure).count("+") == 3


def test_branches_stand_above_each_other_and_meet_node_by_node():
    net, x = Branches("sum"), torch.ones(1, 1)
    layers, (_, left, right, joined, _) = layers_of(net, x), places_of(layers_of(net, x))
    assert [(layer.name, layer.functions, layer.sources) for layer in layers[1:4]] == [
        ("left", ("Linear", "relu"), (0,)),
        ("right", ("Linear", "sigmoid"), (0,)),
        ("sum", (), (1, 2)),
    ]
    assert (left.depth, right.depth, joined.depth) == (1, 1, 2)
    assert left.centre > right.centre
    tops = [layer.heights(place.centre) for layer, place in zip(layers, places_of(layers), strict=True)]
    handed = {((1.0, tops[k][node]), (2.0, tops[3][node])) for k in (1, 2) for node in (0, 1)}
    assert handed <= drawn(net_figure(net, x))
    assert len(drawn(net_figure(net, x))) == 2 + 2 + 4 + 2


def test_branches_beside_each_other_keep_their_order():
    net, x = Branches("concatenation"), torch.ones(1, 1)
    layers = layers_of(net, x)
    tops = [layer.heights(place.centre) for layer, place in zip(layers, places_of(layers), strict=True)]
    handed = {((1.0, tops[1 + k // 2][k % 2]), (2.0, tops[3][k])) for k in range(4)}
    assert handed <= drawn(net_figure(net, x))


def test_what_is_used_twice_before_its_activation_keeps_a_column_of_its_own():
    class Skip(Branches):
        def forward(self, x):
            h = self.left(x)
            return self.out(h + torch.relu(h))

    layers = layers_of(Skip("sum"), torch.ones(1, 1))
    assert [(layer.name, layer.functions, layer.sources) for layer in layers[1:4]] == [
        ("left", ("Linear",), (0,)),
        ("relu", (), (1,)),
        ("sum", (), (1, 2)),
    ]
