"""What TensorBoard shows of a run: read back with TensorBoard's own reader and held against the history."""

import csv

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

RUN = ("model=relu_net", "model.bias=true", "trainer.max_steps=45", "logger.every=10", "callbacks.histograms.every=20")


@pytest.fixture(scope="module")
def run(trained):
    return trained(*RUN)


@pytest.fixture(scope="module")
def board(run) -> EventAccumulator:
    accumulator = EventAccumulator(str(run.folder / "tensorboard"), size_guidance={"scalars": 0, "histograms": 0})
    return accumulator.Reload()


def scalars(board: EventAccumulator, tag: str) -> dict[int, float]:
    return {event.step: event.value for event in board.Scalars(tag)}


SCALAR_STEPS = [0, 10, 20, 30, 40, 45]
HISTOGRAM_STEPS = [0, 20, 40, 45]


@pytest.mark.parametrize("tag", ["train/loss", "val/loss"])
def test_the_logged_losses_are_those_of_the_history_at_their_steps(run, board, tag):
    column = run.column(tag)
    assert scalars(board, tag) == {step: column[step].item() for step in SCALAR_STEPS}


def test_the_coefficients_of_a_small_model_are_those_of_the_history(run, board):
    names = [name for name in run.rows[0] if name.startswith(("hidden1.", "output."))]
    assert len(names) == 7
    for name in names:
        column = run.column(name)
        assert scalars(board, f"coefficients/{name}") == {step: column[step].item() for step in SCALAR_STEPS}


def test_the_gradient_norm_is_what_the_next_plain_sgd_step_shows(run, board):
    names = [name for name in run.rows[0] if name.startswith(("hidden1.", "output."))]
    path = torch.stack([run.column(name) for name in names], dim=1).double()
    for step, norm in scalars(board, "train/gradient_norm").items():
        if step < 45:
            update = path[step + 1] - path[step]  # -lr times the gradient, rounded where it is added
            assert norm == pytest.approx(update.norm().item() / 0.1, rel=1e-4)


def test_the_learning_rate_is_that_of_its_step(trained):
    run = trained(*RUN, "scheduler=exponential", "scheduler.gamma=0.9")
    board = EventAccumulator(str(run.folder / "tensorboard")).Reload()
    expected = {step: pytest.approx(0.1 * 0.9**step, rel=1e-6) for step in SCALAR_STEPS}
    assert scalars(board, "train/lr") == expected


def test_a_large_model_gets_no_column_a_parameter(trained):
    run = trained("model=wide_net", "trainer.max_steps=2")
    board = EventAccumulator(str(run.folder / "tensorboard")).Reload()
    assert not [tag for tag in board.Tags()["scalars"] if tag.startswith("coefficients/")]
    assert list(run.rows[0]) == ["step", "train/loss", "val/loss"]


def test_there_are_histograms_of_weights_biases_gradients_and_hidden_activations(board):
    assert sorted(board.Tags()["histograms"]) == [
        "values/activations/activation1",
        *(f"values/biases/{layer}" for layer in ("hidden1", "output")),
        *(f"values/gradients/{layer}.{kind}" for layer in ("hidden1", "output") for kind in ("bias", "weight")),
        *(f"values/weights/{layer}" for layer in ("hidden1", "output")),
    ]


def test_every_histogram_is_there_at_its_steps(board):
    for tag in board.Tags()["histograms"]:
        assert [event.step for event in board.Histograms(tag)] == HISTOGRAM_STEPS


def test_a_histogram_of_weights_holds_the_weights_of_its_step(run, board):
    for event in board.Histograms("values/weights/hidden1"):
        weights = [run.column(f"hidden1.weight.{unit}.0")[event.step].item() for unit in range(2)]
        value = event.histogram_value
        assert (value.min, value.max, value.num) == (min(weights), max(weights), 2)
        assert value.sum == pytest.approx(sum(weights), rel=1e-6)
        assert sum(value.bucket) == 2


def test_the_hidden_activations_are_one_a_unit_and_sample(board):
    assert {event.histogram_value.num for event in board.Histograms("values/activations/activation1")} == {2 * 100}
    assert min(event.histogram_value.min for event in board.Histograms("values/activations/activation1")) == 0  # a ReLU


def test_the_hyperparameters_stand_with_the_final_metrics(run, board):
    content = board.PluginTagToContent("hparams")
    start = plugin_data_pb2.HParamsPluginData.FromString(content["_hparams_/session_start_info"])
    given = start.session_start_info.hparams
    assert given["optimizer.lr"].number_value == 0.1
    assert given["model.hidden_width"].number_value == 2
    assert given["trainer.max_steps"].number_value == 45
    for name, value in run.result["metrics"].items():
        assert scalars(board, f"final/{name}") == {45: torch.tensor(value).item()}
    assert "hp_metric" not in board.Tags()["scalars"]


def test_the_csv_beside_it_holds_the_same_scalars(run, board):
    with open(run.folder / "csv" / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == SCALAR_STEPS
    for tag in ("train/loss", "val/loss", "train/lr", "train/gradient_norm"):
        written = {int(row["step"]): torch.tensor(float(row[tag])).item() for row in rows}
        assert written == scalars(board, tag)


def test_without_loggers_there_is_no_tensorboard(trained):
    run = trained("model=linear", "logger=none", "trainer.max_steps=3")
    assert not (run.folder / "tensorboard").exists()
    assert not (run.folder / "csv").exists()


@pytest.mark.parametrize("value", [0.0, 1.0, -3e-20, 1e17, 3e38], ids=str)
def test_equal_values_of_any_size_make_a_histogram(value):
    from descentlab.callbacks.histograms import bin_edges

    edges = bin_edges(torch.full((5,), value), 64)
    assert len(edges) == 65
    assert (edges[1:] > edges[:-1]).all()
    assert edges[0] < value < edges[-1]


def test_a_net_that_leaves_the_finite_numbers_keeps_its_histograms(trained):
    run = trained("experiment=cubic", "optimizer.lr=1", "callbacks.histograms.every=1")
    assert run.result["status"] == "diverged"
    board = EventAccumulator(str(run.folder / "tensorboard"), size_guidance={"histograms": 0}).Reload()
    assert [event.step for event in board.Histograms("values/weights/linear")] == list(
        range(run.result["num_steps"] + 1)
    )
