"""The run folder: a contract that other tools build on."""

import json
from importlib.metadata import version

import pytest
import torch

from descentlab.runs.assemble import build_history
from descentlab.settings.compose import compose, read_settings

SMALL = ("trainer.max_steps=12", "logger.every=5")


@pytest.fixture(scope="module")
def run(trained):
    return trained("model=linear", *SMALL)


def test_the_files_are_those_of_the_contract(run):
    files = {str(path.relative_to(run.folder)) for path in run.folder.rglob("*") if path.is_file()}
    events = {file for file in files if file.startswith("tensorboard/events.out.tfevents.")}
    assert events
    assert files - events - {"tensorboard/hparams.yaml"} == {
        *("config.yaml", "history.csv", "result.json", "csv/metrics.csv"),
        *("checkpoints/last.ckpt", "checkpoints/best.ckpt"),
    }


def test_the_config_file_gives_the_settings_back(any_experiment, trained):
    run = trained(f"experiment={any_experiment}", "trainer.max_steps=20")
    assert read_settings(run.folder / "config.yaml") == run.settings


def test_the_history_has_a_row_a_step_and_one_more(run):
    assert [row["step"] for row in run.rows] == [str(step) for step in range(13)]


@pytest.mark.parametrize(
    ("overrides", "columns"),
    [
        ("model=linear", "step train/loss val/loss w0 w1"),
        ("model=linear loss=sse", "step train/loss train/mse val/loss w0 w1"),
        ("model=linear loss=huber", "step train/loss train/mse val/loss w0 w1"),
        ("model=linear callbacks=none", "step train/loss w0 w1"),
        ("model=linear model.bias=false", "step train/loss val/loss w1"),
        ("model=linear model.parameterization=column", "step train/loss val/loss w0 w1"),
        ("model=linear data=two_features", "step train/loss val/loss w0 w1 w2"),
        ("model=polynomial", "step train/loss val/loss w0 w1 w2 w3"),
        ("model=polynomial model.degree=2 model.bias=false", "step train/loss val/loss w1 w2"),
        (
            "model=relu_net",
            "step train/loss val/loss hidden1.weight.0.0 hidden1.weight.1.0 output.weight.0.0 output.weight.0.1",
        ),
        ("model=relu_net model.hidden_width=9", "step train/loss val/loss"),  # 18 parameters
    ],
    ids=str,
)
def test_the_columns_are_those_of_the_model_and_the_loss(trained, overrides, columns):
    assert list(trained(*overrides.split(), *SMALL).rows[0]) == columns.split()


def test_sixteen_parameters_are_the_most_that_get_columns(trained):
    widest = trained("model=relu_net", "model.hidden_width=8", *SMALL)
    assert len(widest.rows[0]) == 3 + 16


@pytest.mark.parametrize("loss", ["sse", "mae", "huber"])
def test_the_mse_beside_another_loss_is_that_of_the_rows_parameters(trained, loss):
    from descentlab.runs.load import load_data

    run = trained("model=linear", f"loss={loss}", "optimizer.lr=0.001", *SMALL)
    x, y = load_data(run.folder).stages()["train"]
    predictions = run.coefficients()[:, :1] + run.coefficients()[:, 1:] * x[:, 0]
    torch.testing.assert_close(run.column("train/mse"), (predictions - y[:, 0]).square().mean(dim=1))


def test_numbers_come_back_from_the_history_bit_for_bit(run):
    state = torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    last = run.coefficients()[-1]
    assert last[0].view(torch.int32) == state["net.linear.bias"][0].view(torch.int32)
    assert last[1].view(torch.int32) == state["net.linear.weight"][0, 0].view(torch.int32)


@pytest.mark.parametrize(
    ("every", "steps"), [(1, [*range(13)]), (5, [0, 5, 10, 12]), (6, [0, 6, 12]), (100, [0, 12])], ids=str
)
def test_the_recorded_rows_are_a_setting_and_the_last_is_always_there(trained, run, every, steps):
    thinned = trained("model=linear", *SMALL, f"history.every={every}")
    assert [int(row["step"]) for row in thinned.rows] == steps
    names = ("train/loss", "w0", "w1")
    assert [[row[n] for n in names] for row in thinned.rows] == [[run.rows[k][n] for n in names] for k in steps]


@pytest.mark.parametrize(
    ("max_steps", "every"),
    [(0, 1), (1, 1), (10_000, 1), (10_001, 1), (14_999, 1), (15_000, 2), (24_999, 2), (25_000, 3), (1_000_000, 100)],
)
def test_a_history_has_about_ten_thousand_rows_of_a_long_run(max_steps, every):
    """The whole number nearest to max_steps / 10 000, so 6 667 to 15 000 rows."""
    assert build_history(compose([f"trainer.max_steps={max_steps}"])).every == every


def test_no_steps_judge_the_start(trained):
    run = trained("model=linear", "trainer.max_steps=0", "model.initial_coefficients=[2.5,4]")
    assert (run.result["status"], run.result["num_steps"]) == ("completed", 0)
    assert [(row["step"], row["w0"], row["w1"]) for row in run.rows] == [("0", "2.5", "4")]
    assert run.column("train/loss")[0] == torch.tensor(run.result["metrics"]["train/loss"])
    assert (run.folder / "checkpoints" / "last.ckpt").is_file()


def strictly(text: str) -> dict:
    def refuse(name: str):
        raise ValueError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_the_result_says_how_the_run_ended(run):
    result = strictly((run.folder / "result.json").read_text())
    assert result["status"] == "completed"
    assert result["num_steps"] == 12
    assert list(result["metrics"]) == ["train/loss", "train/mse", "val/loss", "val/mse"]
    assert result["coefficients"] == {name: run.column(name)[-1].item() for name in ("w0", "w1")}
    assert set(result["seconds"]) == {"setup", "training"}
    assert all(seconds > 0 for seconds in result["seconds"].values())
    assert result["versions"]["torch"] == version("torch")
    assert result["non_finite"] == []


def test_the_true_coefficients_stand_beside_those_found(trained, run):
    assert run.result["true_coefficients"] == {"w0": 2.5, "w1": 4.0}
    other_form = trained("model=polynomial", "data=kink", *SMALL)
    assert other_form.result["true_coefficients"] == {}


@pytest.mark.parametrize(
    ("choice", "true"),
    {
        "model=polynomial model.degree=2 data=cubic": {},
        "model=linear data=cubic": {},
        "model=polynomial model.bias=false data=cubic": {},
        "model=polynomial model.degree=4 data=cubic": {"w0": 1.0, "w1": 4.0, "w2": 3.0, "w3": -2.0, "w4": 0.0},
        "model=polynomial model.degree=2 data=line": {"w0": 2.5, "w1": 4.0, "w2": 0.0},
        "model=linear model.bias=false data=identity": {"w1": 1.0},
    }.items(),
    ids=str,
)
def test_there_are_true_coefficients_where_the_model_has_every_column_of_the_law(trained, choice, true):
    assert trained(*choice.split(), *SMALL).result["true_coefficients"] == true


def test_a_value_that_is_not_finite_is_null_and_listed(trained):
    run = trained("experiment=cubic", "optimizer.lr=1")
    result = strictly((run.folder / "result.json").read_text())
    assert result["metrics"] == dict.fromkeys(("train/loss", "train/mse", "val/loss", "val/mse"))  # all overflow
    assert result["non_finite"] == [f"metrics.{name}" for name in result["metrics"]]
    assert all(isinstance(value, float) for value in result["coefficients"].values())


def test_the_final_metrics_are_those_of_the_last_row(run):
    for name in ("train/loss", "val/loss"):
        assert torch.tensor(run.result["metrics"][name]) == run.column(name)[-1]


def test_the_same_command_leaves_the_same_numbers(trained, run):
    again = trained(*SMALL, "model=linear")  # the same settings, another run
    assert again.folder != run.folder
    assert (again.folder / "history.csv").read_bytes() == (run.folder / "history.csv").read_bytes()
