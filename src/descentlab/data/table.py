"""A table of the user's own: points typed in the config, or read from a CSV."""

from pathlib import Path
from typing import Annotated, Any

import torch
from annotated_types import Ge, Lt
from jaxtyping import Int
from torch import Tensor

from descentlab.data.csv_file import read_columns
from descentlab.data.points import Points, PointsDataModule
from descentlab.errors import InputError
from descentlab.functional.standardization import Standardization

Fraction = Annotated[float, Ge(0), Lt(1)]


class TableDataModule(PointsDataModule):
    """Points of a table, split at random into training, validation and test points.

    Args:
        x: the inputs as numbers, or as rows of numbers where there are several features.
        y: the targets, one a sample.
        path: of a CSV with a header line, in place of x and y.
        features: the CSV's columns that are inputs, in their order.
        target: the CSV's column to be predicted.
        val_fraction: of the samples held back for validation, in [0, 1).
        test_fraction: of the samples held back for the test, in [0, 1).
        standardize: train on columns of mean 0 and standard deviation 1, as the training points have
            them; coefficients, losses and predictions come back in the user's units.
        num_samples: the first so many rows are the table; None is all of them.
        fold: of `num_folds`, the one held back for validation, from 0, in place of `val_fraction`: the samples
            left beside the test points are dealt out to folds whose sizes differ by one at most, and each is
            in one of them. All folds of a seed are of the same deal, with the same test points.
        num_folds: how many.
        seed: of the split and of the shuffling of batches.
        batch_size: points a gradient step sees; None is all of them.

    Raises:
        InputError: both or neither of x, y and path are given, they do not fit, or nothing is left
            to train on.
    """

    def __init__(
        self,
        x: list[float] | list[list[float]] | None = None,
        y: list[float] | None = None,
        path: str | None = None,
        features: list[str] | None = None,
        target: str | None = None,
        val_fraction: Fraction = 0.0,
        test_fraction: Fraction = 0.0,
        standardize: bool = False,
        num_samples: Annotated[int, Ge(1)] | None = None,
        fold: Annotated[int, Ge(0)] | None = None,
        num_folds: Annotated[int, Ge(2)] = 5,
        seed: int = 0,
        batch_size: int | None = None,
    ) -> None:
        super().__init__(seed, batch_size)
        self.save_hyperparameters(logger=False)
        self.columns = _Source(x, y, path, features, target)
        self.source = None if path is None else Path(path)
        self.val_fraction = val_fraction
        self.most_samples = num_samples
        self.fold = fold
        self.num_folds = num_folds
        self.test_fraction = test_fraction
        self.standardize = standardize

    def read_points(self) -> None:
        x, y = (column[: self.most_samples] for column in self.columns.read())
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(self.seed))
        # In their own order, so that a table without a split is the table as the user wrote it.
        train, val, test = (part.sort().values for part in self._parts(order))
        if self.standardize:
            self.standardization = Standardization.of(x[train], y[train])
            x, y = self.standardization.standardize_x(x), self.standardization.standardize_y(y)
        self.train = Points(x[train], y[train])
        self.val = Points(x[val], y[val]) if len(val) else None
        self.test = Points(x[test], y[test]) if len(test) else None

    def _parts(self, order: Int[Tensor, " sample"]) -> tuple[Tensor, Tensor, Tensor]:
        """The samples for training, validation and test, from all of them in a random order."""
        num_test = round(len(order) * self.test_fraction)
        if self.fold is not None:
            return self._parts_of_fold(*order.split([len(order) - num_test, num_test]))
        num_val = round(len(order) * self.val_fraction)
        num_train = len(order) - num_val - num_test
        if num_train < 1:
            raise InputError(
                f"data.val_fraction, data.test_fraction: expected at least one of the {len(order)} samples "
                f"to be left for training, got {self.val_fraction} and {self.test_fraction}."
            )
        train, val, test = order.split([num_train, num_val, num_test])
        return train, val, test

    def _parts_of_fold(
        self, rest: Int[Tensor, " sample"], test: Int[Tensor, " test_sample"]
    ) -> tuple[Tensor, Tensor, Tensor]:
        assert self.fold is not None
        if self.val_fraction:
            raise InputError(f"data.val_fraction: expected 0 beside data.fold, got {self.val_fraction}.")
        if self.fold >= self.num_folds:
            raise InputError(f"data.fold: expected a fold from 0 to {self.num_folds - 1}, got {self.fold}.")
        if self.num_folds > len(rest):
            raise InputError(f"data.num_folds: expected at most {len(rest)}, one a sample, got {self.num_folds}.")
        folds = list(rest.tensor_split(self.num_folds))
        val = folds.pop(self.fold)
        return torch.cat(folds), val, test


class _Source:
    """Where the table comes from: typed points, or the columns of a CSV."""

    def __init__(
        self,
        x: list[Any] | None,
        y: list[float] | None,
        path: str | None,
        features: list[str] | None,
        target: str | None,
    ) -> None:
        typed, read = x is not None or y is not None, path is not None
        if typed == read:
            raise InputError(
                "data: expected points (data.x=[1,2,3] data.y=[2,4,6]) or a CSV "
                f"(data.path=… data.features=[a] data.target=b), got {'both' if typed else 'neither'}."
            )
        if typed and (x is None or y is None):
            missing, given = ("x", "y") if x is None else ("y", "x")
            raise InputError(
                f"data.{missing}: expected as many values as data.{given} has, got none; type data.{missing}=[…]"
            )
        if read and (not features or target is None):
            raise InputError(
                f"data.features, data.target: expected names of the CSV's columns, got {features or 'none'} and "
                f"{target or 'none'}; type data.features=[a,b] data.target=y"
            )
        if read and features and target in features:
            raise InputError(f"data.features: expected columns beside the target, got {target!r} among them.")
        self.x, self.y, self.path, self.features, self.target = x, y, path, features, target

    def read(self) -> tuple[Tensor, Tensor]:
        if self.path is not None:
            assert self.features is not None
            assert self.target is not None
            table = torch.tensor(read_columns(self.path, [*self.features, self.target]))
            return table[:, :-1].contiguous(), table[:, -1:].contiguous()
        assert self.x is not None
        assert self.y is not None
        rows = [row if isinstance(row, list) else [row] for row in self.x]
        if len(rows) != len(self.y) or not rows:
            raise InputError(
                f"data.x, data.y: expected as many rows as targets, at least one, got {len(rows)} and {len(self.y)}."
            )
        if len({len(row) for row in rows}) > 1:
            lengths = sorted({len(row) for row in rows})
            raise InputError(f"data.x: expected rows of one length, got rows of {lengths} values.")
        return torch.tensor(rows, dtype=torch.get_default_dtype()), torch.tensor(
            self.y, dtype=torch.get_default_dtype()
        )[:, None]
