"""A run that was stopped goes on in its folder, and ends as one that was never stopped."""

import csv
import json
import shutil
import signal

import pytest
import torch

from descentlab.callbacks.steps import StepCallback
from descentlab.errors import InputError
from descentlab.nets.relu_net import ReLUNet
from descentlab.runs.files import LAST_CHECKPOINT
from descentlab.runs.load import load_module, read_checkpoint
from descentlab.runs.resume import resume
from descentlab.runs.soak import differences, soak
from descentlab.runs.train import train
from descentlab.settings.compose import compose, read_settings
from descentlab.settings.extend import extended

OFTEN = ("callbacks.checkpoint.every=9", "callbacks.checkpoint.seconds=0")
SHORT = (
    "trainer.max_steps=60",
    *OFTEN,
    "callbacks.checkpoint.seconds=0",
    "logger.every=7",
    "callbacks.histograms.every=20",
)
FULL = ("model=linear", "optimizer=adam", "scheduler=cosine", *SHORT)

KILLED = {
    "adam, a schedule and minibatches": "model=linear optimizer=adam scheduler=cosine data.batch_size=7",
    "momentum, another loss and a thinned history": "model=relu_net optimizer=momentum loss=huber history.every=4",
    "stepped by Lightning": "model=polynomial optimizer=rmsprop data.batch_size=30 trainer.engine=lightning",
    "diverging": "experiment=cubic optimizer.lr=1 trainer.engine=eager",
    "diverging under Lightning": "experiment=cubic optimizer.lr=1 data.batch_size=30 trainer.engine=lightning",
}


@pytest.mark.parametrize("overrides", KILLED.values(), ids=KILLED)
def test_a_run_killed_at_random_points_ends_bit_for_bit_as_one_that_was_not(tmp_path, overrides):
    ended = list(soak(compose([*overrides.split(), *SHORT]), tmp_path, kills=6, seed=len(overrides)))
    assert sum(kills for kills, _ in ended) >= 6
    assert [found for _, found in ended if found] == []


class Stopped(StepCallback):
    """Ends the run at one step as an error would, without a word to anybody."""

    def state_dict(self):
        return {}  # else Lightning would miss this callback in the run that goes on

    def look(self, trainer, module, step) -> None:
        if step == self.every:
            raise RuntimeError("stopped")


@pytest.fixture
def stopped(train_with, tmp_path):
    """A run that stopped at some step, after the checkpoint of step 27."""

    def run(step: int, *overrides: str):
        folder = tmp_path / "stopped"
        folder.mkdir()
        with pytest.raises(RuntimeError, match="stopped"):
            train_with(folder, [Stopped(step)], *overrides)
        return folder

    return run


def test_a_run_goes_on_from_its_last_checkpoint_with_its_own_settings(stopped, trained):
    folder = stopped(30, *FULL)
    assert read_checkpoint(folder / LAST_CHECKPOINT)["global_step"] == 27
    result, had_ended = resume(read_settings(folder / "config.yaml"), folder)
    assert (result.status, result.num_steps, had_ended) == ("completed", 60, False)
    assert differences(trained(*FULL).folder, folder) == []


def test_a_run_that_stops_early_remembers_its_lowest_loss(stopped, trained):
    """Of step 16; with a patience of 6 looks, one at every second step, it ends at step 28."""
    noise = ("model=linear", "data=noise", "data.num_samples=4", "model.initial_coefficients=[3,3]", "seed=2")
    stops = ("callbacks=[default,early_stopping]", "callbacks.early_stopping.patience=6", "logger.every=2")
    overrides = (*noise, *stops, "trainer.max_steps=60", *OFTEN)
    folder = stopped(22, *overrides)
    assert read_checkpoint(folder / LAST_CHECKPOINT)["global_step"] == 18
    result, _ = resume(read_settings(folder / "config.yaml"), folder)
    assert (result.status, result.num_steps) == ("completed", 28)
    assert differences(trained(*overrides).folder, folder) == []


STOPS = ("model=linear", "data=noise", "callbacks=[default,early_stopping]", "callbacks.early_stopping.patience=2")


@pytest.mark.parametrize("more", [(), ("trainer.engine=lightning",)], ids=["in chunks", "step by step"])
def test_a_run_killed_after_it_stopped_early_ends_where_it_stopped(trained, tmp_path, more):
    run = trained(*STOPS, *SHORT, *more)
    assert run.result["num_steps"] == 35
    folder = shutil.copytree(run.folder, tmp_path / "killed")
    (folder / "result.json").unlink()
    result, had_ended = resume(read_settings(folder / "config.yaml"), folder)
    assert (result.status, result.num_steps, had_ended) == ("completed", 35, False)
    assert differences(run.folder, folder) == []


def test_a_run_that_stopped_early_goes_on_when_it_is_given_more_steps(trained, tmp_path):
    folder = shutil.copytree(trained(*STOPS, *SHORT).folder, tmp_path / "run")
    result, _ = resume(extended(read_settings(folder / "config.yaml"), ["trainer.max_steps=61"]), folder)
    assert result.num_steps > 35


def test_a_run_killed_before_its_settings_were_written_leaves_nothing_of_that(tmp_path):
    (tmp_path / ".config.yaml.1.tmp").write_text("seed:")
    train(compose(["model=linear", "trainer.max_steps=2"]), tmp_path)
    assert not list(tmp_path.glob(".*"))


def test_a_run_without_a_checkpoint_begins_again(stopped, trained):
    folder = stopped(8, *FULL)
    assert not (folder / LAST_CHECKPOINT).exists()
    resume(read_settings(folder / "config.yaml"), folder)
    assert differences(trained(*FULL).folder, folder) == []


def test_what_was_torn_by_a_kill_is_cleared_away(stopped, trained):
    folder = stopped(30, *FULL)
    (folder / "checkpoints" / ".last.ckpt.99.tmp").write_bytes(b"PK")
    (folder / ".history.csv.99.tmp").write_text("step,tra")
    (folder / ".lock").write_text("")
    for events in (folder / "tensorboard").glob("events.*"):
        events.write_bytes(events.read_bytes() + b"\x18\x00\x00")
    resume(read_settings(folder / "config.yaml"), folder)
    assert differences(trained(*FULL).folder, folder) == []


def test_a_run_can_be_extended(tmp_path, trained):
    train(compose([*FULL, "trainer.max_steps=40", "scheduler=constant"]), tmp_path)
    settings = extended(read_settings(tmp_path / "config.yaml"), ["trainer.max_steps=60"])
    result, had_ended = resume(settings, tmp_path)
    assert (result.num_steps, had_ended) == (60, False)
    assert differences(trained(*FULL, "scheduler=constant").folder, tmp_path) == []


def test_a_schedule_keeps_its_length_when_a_run_is_extended(tmp_path):
    train(compose([*FULL, "trainer.max_steps=40"]), tmp_path)
    settings = extended(read_settings(tmp_path / "config.yaml"), ["trainer.max_steps=41"])
    assert settings["scheduler"]["T_max"] == 40


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1], ids=lambda number: number.name)
def test_a_run_that_a_signal_stopped_between_looks_goes_on_as_if_it_had_not(train_with, tmp_path, trained, name):
    class Signalled(StepCallback):
        def state_dict(self):
            return {}

        def look(self, trainer, module, step) -> None:
            if step == 25:
                signal.raise_signal(name)

    first = train_with(tmp_path, [Signalled(25)], *FULL)
    assert (first.result["status"], first.result["num_steps"]) == ("interrupted", 25)
    assert first.result["interrupted_by"] == name.name
    resume(read_settings(tmp_path / "config.yaml"), tmp_path)
    assert differences(trained(*FULL).folder, tmp_path) == []


@pytest.mark.parametrize(
    "overrides", [FULL, ("experiment=cubic", "optimizer.lr=1", "logger=none")], ids=["completed", "diverged"]
)
def test_a_run_that_has_ended_is_left_alone(trained, tmp_path, overrides):
    folder = tmp_path / "run"
    shutil.copytree(trained(*overrides).folder, folder)
    before = contents(folder)
    result, had_ended = resume(read_settings(folder / "config.yaml"), folder)
    assert had_ended
    assert result.status == json.loads((folder / "result.json").read_text())["status"]
    assert contents(folder) == before


def test_a_run_goes_on_from_the_copy_of_its_table(stopped, tmp_path):
    table = tmp_path / "points.csv"
    table.write_text("a,b\n" + "".join(f"{k},{2 * k + k % 3}\n" for k in range(20)))
    data = ("data=table", f"data.path={table}", "data.features=[a]", "data.target=b", "data.standardize=true")
    folder = stopped(30, *FULL, *data)
    table.unlink()
    result, _ = resume(read_settings(folder / "config.yaml"), folder)
    assert result.num_steps == 60
    assert read_settings(folder / "config.yaml")["data"]["path"] == str(table)


@pytest.mark.parametrize(
    "kind",
    [
        "cpu",
        pytest.param(
            "gpu",
            marks=[
                pytest.mark.gpu,
                pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
            ],
        ),
    ],
)
def test_a_net_that_draws_goes_on_with_the_next_draws(stopped, tmp_path, monkeypatch, kind):
    forward = ReLUNet.forward
    monkeypatch.setattr(ReLUNet, "forward", lambda net, x: torch.dropout(forward(net, x), 0.5, train=net.training))
    run = ("model=relu_net", f"trainer={kind}", *SHORT)
    folder = stopped(30, *run)
    torch.manual_seed(3)  # on every device, as of another process
    resume(read_settings(folder / "config.yaml"), folder)
    whole = tmp_path / "whole"
    whole.mkdir()
    train(compose(run), whole)
    assert differences(whole, folder) == []


def test_weights_alone_are_nothing_to_go_on_from(tmp_path):
    train(compose([*FULL]), tmp_path)
    state = read_checkpoint(tmp_path / LAST_CHECKPOINT)
    del state["optimizer_states"]
    torch.save(state, tmp_path / LAST_CHECKPOINT)
    settings = extended(read_settings(tmp_path / "config.yaml"), ["trainer.max_steps=61"])
    with pytest.raises(InputError, match="got its weights alone"):
        resume(settings, tmp_path)
    assert (tmp_path / "result.json").is_file()


def test_a_checkpoint_on_the_way_is_one_to_judge_by(stopped):
    folder = stopped(30, *FULL)
    assert load_module(folder).coefficients().keys() == {"w0", "w1"}


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


FEW = ("model=linear", "trainer.max_steps=20", "logger=csv")


@pytest.mark.parametrize(
    ("other", "key"),
    [
        (("model=polynomial", "data=line"), "name"),
        (("optimizer=adam", "optimizer.lr=0.1"), "optimizer._target_"),
    ],
    ids=["model", "optimizer"],
)
def test_a_run_refuses_the_checkpoint_of_another_and_stays_as_it_is(trained, tmp_path, other, key):
    folder = shutil.copytree(trained(*FEW).folder, tmp_path / "run")
    shutil.copy(trained(*FEW, *other).folder / LAST_CHECKPOINT, folder / LAST_CHECKPOINT)
    before = contents(folder)
    with pytest.raises(InputError, match=rf"config\.yaml: {key}: expected .*, with which .*last\.ckpt was made, got "):
        resume(extended(read_settings(folder / "config.yaml"), ["trainer.max_steps=30"]), folder)
    assert contents(folder) == before


def test_a_run_refuses_weights_of_other_shapes_and_stays_as_it_is(trained, tmp_path):
    folder = shutil.copytree(trained(*FEW).folder, tmp_path / "run")
    state = read_checkpoint(folder / LAST_CHECKPOINT)
    state["state_dict"] = {name: weight[None] for name, weight in state["state_dict"].items()}
    torch.save(state, folder / LAST_CHECKPOINT)
    before = contents(folder)
    with pytest.raises(InputError, match=r"last\.ckpt: expected the weights of the model in config\.yaml"):
        resume(extended(read_settings(folder / "config.yaml"), ["trainer.max_steps=30"]), folder)
    assert contents(folder) == before


def test_a_run_that_breaks_down_before_it_goes_on_keeps_its_history(trained, tmp_path):
    folder = shutil.copytree(trained(*FEW).folder, tmp_path / "run")
    state = read_checkpoint(folder / LAST_CHECKPOINT)
    del state["generators"]
    torch.save(state, folder / LAST_CHECKPOINT)
    history = (folder / "history.csv").read_text()
    with pytest.raises(KeyError, match="generators"):
        resume(extended(read_settings(folder / "config.yaml"), ["trainer.max_steps=30"]), folder)
    assert (folder / "history.csv").read_text() == history


def test_settings_changed_in_the_config_between_two_parts_of_a_run_are_refused_by_name(stopped):
    folder = stopped(30, *FULL)
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("lr: 0.01", "lr: 0.5"))
    with pytest.raises(InputError, match=r"config\.yaml: optimizer\.lr: expected 0\.01, .*, got 0\.5; put it back"):
        resume(read_settings(config), folder)


def test_logged_scalars_that_are_gone_are_begun_anew(trained, tmp_path):
    folder = shutil.copytree(trained(*FEW, "logger.every=5").folder, tmp_path / "run")
    shutil.rmtree(folder / "csv")
    result, _ = resume(extended(read_settings(folder / "config.yaml"), ["trainer.max_steps=30"]), folder)
    assert result.num_steps == 30
    assert [line.split(",")[0] for line in (folder / "history.csv").read_text().splitlines()[1:]] == [
        *map(str, range(31))
    ]
    steps = [row["step"] for row in csv.DictReader((folder / "csv" / "metrics.csv").read_text().splitlines())]
    assert steps == ["25", "30"]


@pytest.mark.parametrize("cut", [slice(0, 2), slice(0, 0)], ids=["after a row", "empty"])
def test_logged_scalars_that_are_cut_short_are_refused_and_the_run_stays_as_it_is(trained, tmp_path, cut):
    folder = shutil.copytree(trained(*FEW, "logger.every=5").folder, tmp_path / "run")
    metrics = folder / "csv" / "metrics.csv"
    metrics.write_text("".join(metrics.read_text().splitlines(keepends=True)[cut]))
    before = contents(folder)
    with pytest.raises(
        InputError, match=r"metrics\.csv: expected the 5 rows .* but it is damaged and has [01]; take it"
    ):
        resume(extended(read_settings(folder / "config.yaml"), ["trainer.max_steps=30"]), folder)
    assert contents(folder) == before
