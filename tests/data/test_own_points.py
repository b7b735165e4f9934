"""The points of a data module of one's own: those that can be trained on, and a line for each mistake."""

import numpy as np
import pytest
import torch

from descentlab.data.points import Points, PointsDataModule
from descentlab.errors import InputError

X = torch.linspace(-1, 1, 5)[:, None]


class Own(PointsDataModule):
    """Sets what it is given."""

    def __init__(self, **sets):
        super().__init__(seed=1, batch_size=None)
        self.sets = sets

    def read_points(self):
        for name, points in self.sets.items():
            setattr(self, name, points)


@pytest.mark.parametrize(
    "points",
    [
        Points(X.double(), X.double()),
        Points(X.numpy(), X.numpy().astype(np.float64)),
        Points(X, torch.arange(5)[:, None]),
    ],
    ids=["doubles", "arrays", "integers"],
)
def test_points_of_any_precision_come_in_that_of_torch(points):
    for stage in Own(train=points, val=points).stages().values():
        assert (stage.x.dtype, stage.y.dtype) == (torch.float32, torch.float32)
        torch.testing.assert_close(stage.y, torch.as_tensor(points.y, dtype=torch.float32))


def test_points_in_the_precision_of_torch_stay_the_tensors_that_they_are():
    assert Own(train=Points(X, X)).stages()["train"].x is X


def with_nan(value):
    y = X.clone()
    y[3] = value
    return y


MISTAKES = {
    "nothing": ({}, r"expected self\.train to be set by read_points of Own, got None"),
    "a tuple": ({"train": (X, X)}, r"expected self\.train of Own to be Points\(x, y\), got tuple"),
    "flat x": (
        {"train": Points(X[:, 0], X)},
        r"self\.train of Own to have x of shape \(sample, feature\) .* got \(5,\) and \(5, 1\); .*\[:, None\]",
    ),
    "flat y": ({"train": Points(X, X[:, 0])}, r"y of shape \(sample, target\), got \(5, 1\) and \(5,\)"),
    "lengths": ({"train": Points(X, X), "val": Points(X, X[:-1])}, r"self\.val of Own .* got \(5, 1\) and \(4, 1\)"),
    "nan": ({"train": Points(X, with_nan(np.nan))}, r"finite numbers, got \[nan\] in row 3 of y in self\.train of Own"),
    "inf": ({"train": Points(with_nan(np.inf), X)}, r"finite numbers, got \[inf\] in row 3 of x in self\.train of Own"),
}


@pytest.mark.parametrize(("sets", "message"), MISTAKES.values(), ids=MISTAKES)
def test_what_are_no_points_is_refused_with_the_class_and_what_was_expected(sets, message):
    with pytest.raises(InputError, match=f"^data: .*{message}") as refusal:
        Own(**sets).setup()
    assert "\n" not in str(refusal.value)


def test_large_numbers_whose_sum_overflows_are_finite():
    large = torch.full((5, 1), 3e38)
    assert Own(train=Points(large, large)).stages()["train"].x is large
