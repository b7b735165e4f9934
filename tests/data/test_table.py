"""A table of the user's own: typed points or a CSV, split, and standardised without the user noticing."""

import pytest
import torch

from descentlab.data.table import TableDataModule
from descentlab.errors import InputError
from descentlab.functional.least_squares import least_squares


def stages(**settings):
    return TableDataModule(**settings).stages()


def test_typed_numbers_become_columns():
    points = stages(x=[1.0, 2.0], y=[3.0, 4.0])["train"]
    assert torch.equal(points.x, torch.tensor([[1.0], [2.0]]))
    assert torch.equal(points.y, torch.tensor([[3.0], [4.0]]))


def test_typed_rows_are_samples_of_several_features():
    points = stages(x=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], y=[1.0, 2.0, 3.0])["train"]
    assert torch.equal(points.x, torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))


def test_a_csv_gives_its_named_columns_in_the_order_asked_for(tmp_path):
    file = tmp_path / "points.csv"
    file.write_text("a,target,unused,b\n1,2,x,3\n4,5,y,6e-1\n")
    points = stages(path=str(file), features=["b", "a"], target="target")["train"]
    assert torch.equal(points.x, torch.tensor([[3.0, 1.0], [0.6, 4.0]]))
    assert torch.equal(points.y, torch.tensor([[2.0], [5.0]]))


@pytest.mark.parametrize(
    "text",
    ["\ufeffa,b\n1,2\n", "a,b\r\n1,2\r\n", '"a", b \n"1", 2 \n', "a,b\n1,2"],
    ids=["byte order mark", "windows line ends", "spaces and quotes", "no last line end"],
)
def test_a_csv_is_read_as_other_programs_write_it(tmp_path, text):
    file = tmp_path / "points.csv"
    file.write_bytes(text.encode())
    points = stages(path=str(file), features=["a"], target="b")["train"]
    assert (points.x.item(), points.y.item()) == (1.0, 2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "points.csv: expected a header line with the names of the columns, got an empty file."),
        ("a,b\n", "points.csv: expected rows of numbers below the header, got none."),
        ("a,c\n1,2\n", "points.csv: there is no column 'b'; Valid: a, c."),
        ("a,bb\n1,2\n", "points.csv: there is no column 'b'; did you mean bb? Valid: a, bb."),
        ("a,b,b\n1,2,3\n", "points.csv: expected one column 'b', got 2."),
        ("a,b\n1,2\n\n3,4\n", "points.csv, line 3: expected 2 values, got an empty row."),
        ("a,b\n1,2\n,\n", "points.csv, line 3: expected 2 values, got an empty row."),
        ("a,b\n1,2\n3\n", "points.csv, line 3: expected 2 values, got 1."),
        ("a,b\n1,2,3\n", "points.csv, line 2: expected 2 values, got 3."),
        ("a,b\n1,2\n3,four\n", "points.csv, line 3, column 'b': expected a number, got 'four'."),
        ("a,b\n1,2\n,4\n", "points.csv, line 3, column 'a': expected a number, got ''."),
        ("a,b\n1,nan\n", "points.csv, line 2, column 'b': expected a finite number, got 'nan'."),
        ("a,b\n1e999,2\n", "points.csv, line 2, column 'a': expected a finite number, got '1e999'."),
        ('a,b\n1,"2\n', "points.csv, line 2: this is not CSV ("),
        ("a,b\n1,\xff\n", "points.csv: expected text in UTF-8, but byte 6 is not."),
    ],
    ids=[
        *("empty file", "no rows", "no column", "near column", "column twice", "empty row", "row of commas"),
        *("short row", "long row", "word", "empty value", "not a number", "too large", "open quote", "not text"),
    ],
)
def test_what_is_wrong_with_a_csv_is_named_by_file_line_and_column(tmp_path, text, message):
    file = tmp_path / "points.csv"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError) as refusal:
        stages(path=str(file), features=["a"], target="b")
    assert str(refusal.value).startswith(f"{tmp_path}/{message}")


def test_a_csv_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: expected a CSV file, but it cannot be read \(No such file"):
        stages(path=str(tmp_path / "none.csv"), features=["a"], target="b")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "data: expected points .* or a CSV .*, got neither"),
        ({"x": [1.0], "y": [1.0], "path": "p"}, "data: expected points .* or a CSV .*, got both"),
        ({"x": [1.0]}, r"data\.y: expected as many values as data\.x has, got none; type data\.y=\[…\]"),
        ({"y": [1.0]}, r"data\.x: expected as many values as data\.y has, got none; type data\.x=\[…\]"),
        ({"path": "p", "target": "y"}, r"data\.features, data\.target: expected names of .* got none and y; type"),
        ({"path": "p", "features": ["a"]}, r"data\.features, data\.target: .* got \['a'\] and none; type"),
        ({"x": [1.0, 2.0], "y": [1.0]}, r"data\.x, data\.y: expected as many rows as targets, .* got 2 and 1"),
        ({"x": [], "y": []}, r"data\.x, data\.y: expected as many rows as targets, at least one, got 0 and 0"),
        ({"x": [[1.0], [1.0, 2.0]], "y": [1.0, 2.0]}, r"data\.x: expected rows of one length, got rows of \[1, 2\]"),
        ({"x": [1.0, 2.0], "y": [1.0, 2.0], "val_fraction": 0.9}, "expected at least one of the 2 samples to be left"),
    ],
    ids=["neither", "both", "no y", "no x", "no features", "no target", "unequal", "empty", "ragged", "none left"],
)
def test_a_table_that_cannot_be_used_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        stages(**settings)


HUNDRED = [float(k) for k in range(100)]


def test_a_split_shares_out_every_sample_once():
    sets = stages(x=HUNDRED, y=HUNDRED, val_fraction=0.2, test_fraction=0.1)
    assert {stage: len(points.x) for stage, points in sets.items()} == {"train": 70, "val": 20, "test": 10}
    assert sorted(torch.cat([points.x for points in sets.values()])[:, 0].tolist()) == HUNDRED


def test_a_sample_keeps_its_target_through_a_split():
    for points in stages(x=HUNDRED, y=[2 * x for x in HUNDRED], val_fraction=0.3).values():
        assert torch.equal(points.y, 2 * points.x)


def test_the_seed_decides_the_split():
    first, again, other = (stages(x=HUNDRED, y=HUNDRED, val_fraction=0.2, seed=seed)["val"].x for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_without_fractions_all_samples_train_in_their_own_order():
    sets = stages(x=HUNDRED, y=HUNDRED)
    assert list(sets) == ["train"]
    assert sets["train"].x[:, 0].tolist() == HUNDRED


def test_standardised_columns_have_mean_0_and_standard_deviation_1_on_the_training_points():
    x = [[float(k), 1000.0 * k * k] for k in range(20)]
    points = stages(x=x, y=HUNDRED[:20], standardize=True, val_fraction=0.25)["train"]
    for column in (*points.x.T, points.y[:, 0]):
        assert column.mean().item() == pytest.approx(0, abs=1e-6)
        assert column.std(correction=0).item() == pytest.approx(1, abs=1e-6)


def test_a_constant_column_is_standardised_to_zeros():
    points = stages(x=[[1.0, 7.0], [2.0, 7.0]], y=[1.0, 2.0], standardize=True)["train"]
    assert points.x[:, 1].tolist() == [0.0, 0.0]


def houses(num_features: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns of thousands and of thousandths, and a target in hundreds of thousands."""
    stream = torch.Generator().manual_seed(4)
    units = torch.tensor([1000.0, 0.001, 30.0])[:num_features]
    x = (torch.randn(50, num_features, generator=stream) + 3) * units
    y = 1e5 * (x / units).sum(dim=1, keepdim=True) + 2e4 * torch.randn(50, 1, generator=stream)
    return x, y


def typed(x: torch.Tensor, y: torch.Tensor) -> list[str]:
    return [f"data.x={x.tolist()}", f"data.y={y[:, 0].tolist()}"]


@pytest.mark.parametrize("num_features", [1, 3])
def test_a_standardised_run_gives_coefficients_and_losses_in_the_users_units(trained, num_features):
    x, y = houses(num_features)
    run = trained("model=linear", "data=table", *typed(x, y), "data.standardize=true")
    exact = least_squares(torch.cat([torch.ones(50, 1), x], dim=1), y)  # on the columns as they are
    found = torch.tensor(list(run.result["coefficients"].values()))
    torch.testing.assert_close(found, exact.coefficients.float(), rtol=1e-3, atol=0)
    assert run.result["metrics"]["train/loss"] == pytest.approx(exact.mse.item(), rel=1e-5)
    assert run.column("train/loss")[-1] == pytest.approx(exact.mse.item(), rel=1e-5)


def test_a_standardised_polynomial_gives_its_coefficients_in_the_users_units(trained):
    x = torch.linspace(10, 20, 40)[:, None]
    y = 5 - 3 * x + 0.5 * x**2
    run = trained("model=polynomial", "model.degree=2", "data=table", *typed(x, y), "data.standardize=true")
    assert list(run.result["coefficients"].values()) == pytest.approx([5, -3, 0.5], rel=1e-2)


def test_a_standardised_run_begins_at_the_start_that_was_given_in_the_users_units(trained):
    x, y = houses(3)
    run = trained(
        *("model=linear", "data=table", *typed(x, y), "data.standardize=true", "trainer.max_steps=0"),
        "model.initial_coefficients=[100,2,-3000,4]",
    )
    start = torch.tensor([100.0, 2.0, -3000.0, 4.0])
    residual = start[0] + x @ start[1:, None] - y
    assert list(run.result["coefficients"].values()) == pytest.approx(start.tolist(), rel=1e-3)
    assert run.result["metrics"]["train/loss"] == pytest.approx(residual.square().mean().item(), rel=1e-5)


@pytest.mark.parametrize("loss", ["mse", "sse", "mae", "huber"])
def test_the_losses_of_a_standardised_run_are_those_of_its_predictions(trained, loss):
    from descentlab.runs.load import load_module

    x, y = houses(1)
    run = trained(f"loss={loss}", "optimizer.lr=0.001", "data=table", *typed(x, y), "data.standardize=true")
    with torch.no_grad():
        prediction = load_module(run.folder).predict(x)
    expected = {
        "mse": torch.nn.MSELoss(),
        "sse": torch.nn.MSELoss(reduction="sum"),
        "mae": torch.nn.L1Loss(),
        "huber": torch.nn.HuberLoss(delta=1.0),
    }[loss](prediction, y)
    assert run.result["metrics"]["train/loss"] == pytest.approx(expected.item(), rel=1e-4)


def test_a_standardised_model_needs_an_intercept(trained):
    with pytest.raises(InputError, match=r"data\.standardize: expected model\.bias=true"):
        trained("model=linear", "model.bias=false", "data=table", *typed(*houses(1)), "data.standardize=true")


def test_a_loss_of_unknown_units_is_not_standardised(trained):
    with pytest.raises(InputError, match=r"data\.standardize: expected one of the losses .* got torch\.nn\.MSELoss"):
        trained("loss._target_=torch.nn.MSELoss", "data=table", *typed(*houses(1)), "data.standardize=true")
