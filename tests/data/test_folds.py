"""Cross-validation on a table: exact folds, and a sweep over them as one stack."""

import pytest
import torch

from descentlab.data.table import TableDataModule
from descentlab.errors import InputError


def table(rows: int, **settings):
    x = [float(k) for k in range(rows)]
    return TableDataModule(x=x, y=[2 * value for value in x], **settings).stages()


def values(points) -> list[float]:
    return points.x[:, 0].tolist()


@pytest.mark.parametrize(
    ("rows", "num_folds", "test_fraction"), [(10, 5, 0.0), (11, 3, 0.0), (20, 4, 0.1), (4, 4, 0.0)]
)
def test_each_sample_is_once_in_validation(rows, num_folds, test_fraction):
    folds = [
        table(rows, fold=fold, num_folds=num_folds, test_fraction=test_fraction, seed=7) for fold in range(num_folds)
    ]
    tested = values(folds[0]["test"]) if test_fraction else []
    held = [value for fold in folds for value in values(fold["val"])]
    assert sorted(held + tested) == [float(k) for k in range(rows)]
    sizes = [len(fold["val"].x) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    for fold in folds:
        assert sorted(values(fold["train"]) + values(fold["val"]) + tested) == [float(k) for k in range(rows)]
        assert (values(fold["test"]) if test_fraction else []) == tested
        assert torch.equal(fold["val"].y, 2 * fold["val"].x)


def test_another_seed_deals_other_folds():
    first, second = (values(table(50, fold=0, seed=seed)["val"]) for seed in (1, 2))
    assert first != second


def test_the_units_of_a_fold_are_those_of_its_training_points():
    x = [float(k) for k in range(10)]
    data = TableDataModule(x=x, y=x, fold=1, standardize=True)
    train = data.stages()["train"]
    torch.testing.assert_close(train.x.mean(), torch.tensor(0.0), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fold": 5}, r"data\.fold: expected a fold from 0 to 4, got 5"),
        ({"fold": 0, "num_folds": 11}, r"data\.num_folds: expected at most 10, one a sample, got 11"),
        ({"fold": 0, "val_fraction": 0.2}, r"data\.val_fraction: expected 0 beside data\.fold, got 0\.2"),
    ],
    ids=["fold", "folds", "fraction"],
)
def test_folds_that_cannot_be_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        table(10, **settings)


def test_the_first_rows_can_be_the_table():
    assert values(table(10, num_samples=3)["train"]) == [0.0, 1.0, 2.0]


def test_a_sweep_over_folds_is_one_stack_of_their_lone_runs(tmp_path, trained, monkeypatch):
    from descentlab import fit_stack, members

    points = "data=table data.x=[1,2,3,4,5,6,7,8] data.y=[1,3,2,5,4,6,8,7] data.num_folds=4 model=linear"
    jobs = [[*points.split(), f"data.fold={fold}", "optimizer.lr=0.01", "trainer.max_steps=50"] for fold in range(4)]
    stack = members(jobs)
    fit_stack(stack)
    for member, overrides in zip(stack, jobs, strict=True):
        assert member.module.coefficients() == trained(*overrides).result["coefficients"]
