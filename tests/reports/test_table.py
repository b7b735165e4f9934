"""The tables for the terminal."""

from pathlib import Path

import pytest
import torch

from descentlab.reports.table import gradient_table, result_table, summary_table
from descentlab.runs.gradients import StartGradients
from descentlab.runs.result import Result


def result(**given) -> Result:
    values = {
        "status": "completed",
        "num_steps": 30,
        "metrics": {"train/loss": 26.396123, "val/loss": float("inf")},
        "coefficients": {"w0": 2.4291234, "w1": -4.0},
        "true_coefficients": {"w0": 2.5, "w1": -4.0},
        "seconds": {"setup": 0.1, "training": 0.2},
        "engine": "eager",
        "folder": Path("outputs/runs/a"),
    }
    return Result(**{**values, **given})


def rows(table: str) -> dict[str, str]:
    return {line.split()[0]: " ".join(line.split()[1:]) for line in table.splitlines()}


def test_the_table_says_status_steps_losses_coefficients_and_folder():
    assert rows(result_table(result())) == {
        "status": "completed",
        "steps": "30",
        "train/loss": "26.3961",
        "val/loss": "inf",
        "w0": "2.42912 (true 2.5)",
        "w1": "-4 (true -4)",
        "folder": "outputs/runs/a",
    }


def test_coefficients_without_a_truth_stand_alone():
    assert rows(result_table(result(true_coefficients={})))["w0"] == "2.42912"


def test_a_folder_below_is_shown_from_here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert rows(result_table(result(folder=tmp_path / "outputs" / "a")))["folder"] == "outputs/a"


def test_long_names_and_numbers_stay_within_80_columns():
    long = {f"layers.{'very_long_name.' * 8}weight.{k}": -1.234567e-30 for k in range(2)}
    text = result_table(result(coefficients=long, true_coefficients=dict.fromkeys(long, -1e-30)))
    assert max(map(len, text.splitlines())) <= 80
    names = [line.split()[0] for line in text.splitlines() if "…" in line]
    assert [(name[:7], name[-8:]) for name in names] == [("layers.", "weight.0"), ("layers.", "weight.1")]


def test_a_long_folder_stands_whole_on_a_line_of_its_own():
    folder = Path("/far") / ("x" * 90)
    assert result_table(result(folder=folder)).splitlines()[-2:] == ["folder", f"  {folder}"]


def test_the_table_has_no_control_characters():
    assert all(character.isprintable() or character == "\n" for character in result_table(result()))


def test_the_values_stand_in_one_column():
    starts = {len(line) - len(line.split(maxsplit=1)[1]) for line in result_table(result()).splitlines()}
    assert len(starts) == 1


def test_the_gradients_stand_side_by_side_with_their_differences():
    table = gradient_table(
        StartGradients(
            names=["w0", "w1"],
            forward_difference=torch.tensor([1.5, -2.25]),
            autograd=torch.tensor([1.0, -2.0]),
            analytic=torch.tensor([1.0, -2.5]),
        )
    )
    header, first, second = table.splitlines()
    assert header.split("  ")[0] == "parameter"
    assert [word for word in header.split() if word not in ("-", "auto")] == [
        *("parameter", "difference", "autograd", "analytic", "diff", "anal")
    ]
    assert first.split() == ["w0", "1.5000", "1.0000", "1.0000", "5.00e-01", "0.00e+00"]
    assert second.split() == ["w1", "-2.2500", "-2.0000", "-2.5000", "-2.50e-01", "-5.00e-01"]


def test_a_model_without_a_formula_has_no_analytic_column():
    table = gradient_table(StartGradients(["a"], torch.tensor([1.0]), torch.tensor([1.0]), None))
    assert "anal" not in table


def summary_row(settings: dict[str, str], loss: float | None = 0.25) -> dict[str, object]:
    rates = {"failure_rate": 0.515, "failure_rate low": 0.446, "failure_rate high": 0.583}
    return {**settings, "count": 200, "failures": 103, **rates, "val/loss median": loss}


LONG = {f"group{k}.a_setting_with_a_long_name_{k}": "a/rather/long/path/to/some_value" for k in range(9)}


@pytest.mark.parametrize("count", [0, 1, 3, 9])
def test_a_summary_has_at_most_80_columns(count):
    settings = dict(list(LONG.items())[:count])
    others = {key: f"another {value}" for key, value in settings.items()}
    lines = summary_table([summary_row(settings), summary_row(others, 1234567.0)]).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].split()[-6:] == ["103", "(51.5%)", "44.6%", "to", "58.3%", "0.25"]


def test_a_summary_says_how_many_settings_it_leaves_out():
    others = {key: f"another {value}" for key, value in LONG.items()}
    *_, last = summary_table([summary_row(LONG), summary_row(others)]).splitlines()
    assert "more settings in summary.csv" in last


def test_a_summary_names_settings_by_their_last_word():
    rows = [summary_row({"optimizer.lr": "0.1"}), summary_row({"optimizer.lr": "0.2"})]
    assert summary_table(rows).split()[0] == "lr"


def test_a_summary_says_how_many_rows_it_leaves_out():
    rows = [summary_row({"seed": str(k)}) for k in range(30)]
    assert summary_table(rows).splitlines()[-1] == "… 10 more in summary.csv"


def test_a_summary_holds_no_control_characters():
    rows = [summary_row({"name": "a\x1b[31mb\n"}), summary_row({"name": "c"})]
    assert all(line.isprintable() for line in summary_table(rows).splitlines())
    assert len(summary_table(rows).splitlines()) == 3
