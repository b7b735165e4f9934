"""The points that data sets are made of."""

import torch

from descentlab.generators.points import counted, evenly_spaced, sorted_normals, standard_normals


def stream() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def test_normals_are_torchs_in_the_order_drawn():
    assert torch.equal(standard_normals(stream(), 100).squeeze(1), torch.randn(100, generator=stream()))


def test_sorted_normals_are_the_same_ascending():
    assert torch.equal(sorted_normals(stream(), 100), standard_normals(stream(), 100).sort(dim=0).values)


def test_even_points_include_both_ends():
    assert evenly_spaced(-1.0, 1.0, 5).squeeze(1).tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]


def test_one_even_point_is_the_lower_end():
    assert evenly_spaced(-1.0, 1.0, 1).tolist() == [[-1.0]]


def test_counting_begins_at_one():
    assert counted(3).tolist() == [[1.0], [2.0], [3.0]]
