"""A net as a diagram: its layers, nodes and edges, by what is drawn."""

import pytest
import torch
from torch import nn

from descentlab.reports.diagram import diagram_figure, layers_of
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
