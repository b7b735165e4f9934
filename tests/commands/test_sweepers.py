"""Sweeps as typed: products, pairs and searches, in batches, with other sweepers and launchers, taken up again."""

import csv
import json
from pathlib import Path

import optuna
import pytest

from descentlab.sweeps.search import Search

QUICK = ("-m", "model=linear", "trainer.max_steps=5", "logger=none", "hydra.sweep.dir=own/sweep")
RATE = "optimizer.lr=tag(log,interval(1e-4,1))"
SEARCH = (*QUICK, "hydra/sweeper=optuna", RATE)
BATCHES = ("hydra.sweeper.num_trials=6", "hydra.sweeper.batch_size=3")


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "sweep.csv").open() as file:
        return list(csv.DictReader(file))


def overrides(folder: Path) -> list[str]:
    return [" ".join(job["overrides"][3:]) for job in json.loads((folder / "jobs.json").read_text())["jobs"]]


def study_in(folder: Path) -> optuna.Study:
    return optuna.load_study(study_name=folder.name, storage=f"sqlite:///{folder}/study.db")


def test_a_sweep_in_batches_numbers_its_jobs_through(typed, tmp_path):
    answer = typed("train", *QUICK, "seed=range(0,5)", "hydra.sweeper.max_batch_size=2")
    assert answer.code == 0, answer.err
    table = rows(tmp_path / "own" / "sweep")
    assert [(row["job"], row["seed"], row["status"]) for row in table] == [
        (str(k), str(k), "completed") for k in range(5)
    ]
    assert overrides(tmp_path / "own" / "sweep") == [f"seed={k}" for k in range(5)]
    assert sorted(path.name for path in (tmp_path / "own" / "sweep" / "stacks").iterdir()) == [
        "0.npz",
        "2.npz",
    ]  # and 4 alone


def test_pairs_are_swept_side_by_side_and_taken_up_again(typed, tmp_path):
    pairs = ("optimizer.lr=0.1,0.2", "trainer.max_steps=3,4", "hydra.sweeper.zip=[optimizer.lr,trainer.max_steps]")
    assert typed("train", *QUICK, *pairs).code == 0
    assert [(row["optimizer.lr"], row["num_steps"]) for row in rows(tmp_path / "own" / "sweep")] == [
        ("0.1", "3"),
        ("0.2", "4"),
    ]
    before = (tmp_path / "own" / "sweep" / "0" / "result.json").stat().st_mtime_ns
    assert typed("train", *QUICK, *pairs, "resume=own/sweep").code == 0
    assert (tmp_path / "own" / "sweep" / "0" / "result.json").stat().st_mtime_ns == before


def test_an_interval_is_swept_at_points(typed, tmp_path):
    assert typed("train", *QUICK, RATE, "hydra.sweeper.points=3").code == 0
    assert [row["optimizer.lr"] for row in rows(tmp_path / "own" / "sweep")] == ["0.0001", "0.01", "1.0"]


def test_the_terminal_shows_six_digits_of_a_value_and_the_file_all(typed, tmp_path):
    answer = typed("train", *QUICK, RATE, "hydra.sweeper.points=4")
    shown = [line.split()[0] for line in answer.out.splitlines()[1:5]]
    assert sorted(shown) == ["0.0001", "0.00215443", "0.0464159", "1"]
    assert "0.0464158883361" in [row["optimizer.lr"] for row in rows(tmp_path / "own" / "sweep")]


def test_hydras_own_sweeper_is_stacked_too(typed, tmp_path):
    answer = typed("train", *QUICK, "seed=1,2,3", "hydra/sweeper=basic", "hydra.sweeper.max_batch_size=2")
    assert answer.code == 0, answer.err
    results = [json.loads((tmp_path / "own" / "sweep" / job / "result.json").read_text()) for job in "012"]
    assert [result["engine"] == "stacked" for result in results] == [True, True, False]
    assert [row["seed"] for row in rows(tmp_path / "own" / "sweep")] == ["1", "2", "3"]


def test_values_of_the_command_line_stand_above_those_of_an_experiment(typed, tmp_path):
    typed("train", "experiment=study_hours_rates", *QUICK[2:], "optimizer.lr=0.01,0.1")
    assert [row["optimizer.lr"] for row in rows(tmp_path / "own" / "sweep")] == ["0.01", "0.1"]


def test_a_study_has_the_jobs_of_the_table(typed, tmp_path):
    answer = typed("train", *SEARCH, "model.bias=true,false", *BATCHES)
    assert answer.code == 0, answer.err
    study, table = study_in(tmp_path / "own" / "sweep"), rows(tmp_path / "own" / "sweep")
    assert [trial.user_attrs["job"] for trial in study.trials] == [f"sweep/{row['job']}" for row in table]
    assert [repr(trial.params["optimizer.lr"]) for trial in study.trials] == [row["optimizer.lr"] for row in table]
    assert [str(trial.params["model.bias"]) for trial in study.trials] == [row["model.bias"] for row in table]
    assert [trial.value for trial in study.trials] == [float(row["val/loss"]) for row in table]
    assert f"best    job {study.best_trial.number}: " in answer.out


def test_a_pruned_search_stops_jobs_early_alike_as_a_stack_and_alone(typed, tmp_path):
    pruned = (*SEARCH, "trainer.max_steps=40", "hydra.sweeper.pruner=median", "hydra.sweeper.sampler=random")
    pruned += ("hydra.sweeper.num_trials=14", "hydra.sweeper.batch_size=7")
    for name, launcher in (("stacked", "stacked"), ("alone", "basic")):
        answer = typed("train", *pruned, f"hydra.sweep.dir=own/{name}", f"hydra/launcher={launcher}")
        assert answer.code == 0, answer.err
    stack, alone = tmp_path / "own" / "stacked", tmp_path / "own" / "alone"
    assert (stack / "sweep.csv").read_text() == (alone / "sweep.csv").read_text()
    table = rows(stack)
    assert {row["status"] for row in table[:7]} == {"completed"}  # five trials have to end before one is stopped
    assert {row["status"] for row in table[7:]} == {"completed", "pruned"}
    for row, trial in zip(table, study_in(stack).trials, strict=True):
        assert (row["status"] == "pruned") == (trial.state == optuna.trial.TrialState.PRUNED)
        assert (row["status"] == "pruned") == (row["num_steps"] != "40")
        assert list(trial.intermediate_values) == list(range(4, min(36, int(row["num_steps"])) + 1, 4))
        assert trial.value == float(row["val/loss"])
        files = [(folder / row["job"] / "history.csv").read_text() for folder in (stack, alone)]
        assert files[0] == files[1]
    with (stack / "summary.csv").open() as file:
        assert {row["failures"] for row in csv.DictReader(file)} == {"0"}
    assert typed("train", *pruned, "hydra.sweep.dir=own/stacked", "resume=own/stacked").code == 0
    assert len(study_in(stack).trials) == 14


def test_a_search_that_was_killed_goes_on_as_if_nothing_had_happened(typed, tmp_path, monkeypatch):
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    assert typed("train", *SEARCH, *BATCHES, "hydra.sweep.dir=own/whole").code == 0
    whole = [(trial.params, trial.value) for trial in study_in(tmp_path / "own" / "whole").trials]
    with monkeypatch.context() as patch:
        patch.setattr(Search, "tell", killed)
        assert typed("train", *SEARCH, *BATCHES).code == 130
    assert [trial.state.name for trial in study_in(tmp_path / "own" / "sweep").trials] == ["RUNNING"] * 3
    answer = typed("train", *SEARCH, *BATCHES, "resume=own/sweep")
    assert answer.code == 0, answer.err
    assert [(trial.params, trial.value) for trial in study_in(tmp_path / "own" / "sweep").trials] == whole
    assert len(rows(tmp_path / "own" / "sweep")) == 6


def test_a_search_that_has_ended_takes_more_trials(typed, tmp_path):
    few = ("hydra.sweeper.num_trials=2", "hydra.sweeper.batch_size=2")
    typed("train", *SEARCH, *few)
    typed("train", *SEARCH, "hydra.sweeper.num_trials=3", "resume=own/sweep")
    assert [trial.state.name for trial in study_in(tmp_path / "own" / "sweep").trials] == ["COMPLETE"] * 3
    answer = typed("train", *SEARCH, *few, "resume=own/sweep", "trainer.max_steps=6")
    assert answer.code == 2
    assert answer.err.startswith("error: resume: job 0 was launched with trainer.max_steps=5, and now has ")


def test_a_search_finds_the_best_rate_of_the_lesson(typed, tmp_path):
    """Lesson 5d: on study hours the loss falls fastest near 0.1; above it diverges."""
    lesson = ("experiment=study_hours_rates", "logger=none", "hydra.sweep.dir=own/sweep", "hydra/sweeper=optuna")
    size = ("hydra.sweeper.num_trials=20", "hydra.sweeper.batch_size=10", "trainer.max_steps=100")
    assert typed("train", *lesson, *size, "hydra.sweeper.params=null", RATE).code == 0
    study = study_in(tmp_path / "own" / "sweep")
    values = {trial.params["optimizer.lr"]: trial.value for trial in study.trials}
    assert 0.05 < study.best_params["optimizer.lr"] < 0.2
    assert all(value == float("inf") for lr, value in values.items() if lr > 0.25)


def test_a_check_of_a_search_says_what_was_checked(typed, tmp_path):
    answer = typed("train", *SEARCH, "model=linear,polynomial", "check=true")
    assert (answer.code, answer.out) == (0, "jobs can be run: 3 at the ends of what is searched\n")
    assert not list(tmp_path.iterdir())


REFUSED = {
    "optimizer.lr=interval(1,0.1)": "optimizer.lr: expected the lower end first, got 1.0 to 0.1.",
    "optimizer.lr=interval(0,1)": "optimizer.lr: expected a value greater than 0, got 0.0.",
    "optimizer.lr=0.1": "hydra/sweeper=optuna: expected something to search, got none; type ",
    "optimizer.lrr=interval(0,1)": "optimizer.lrr: there is no such key; did you mean lr?",
    "model=linear,linaer": "model=linaer: there is no such choice; did you mean linear?",
    "hydra.sweeper.sampler=tpee": "hydra.sweeper.sampler: expected 'tpe', 'gp' or 'random', got 'tpee'.",
    "hydra.sweeper.pruner=halving": "hydra.sweeper.pruner: expected 'none', 'median' or 'successive_halving', got",
    "hydra.sweeper.num_trials=0": "hydra.sweeper.num_trials: expected a value greater than or equal to 1, got 0.",
    "hydra.sweeper.storage=sqlite:///no/x.db": "hydra.sweeper.storage: expected one that can be opened, got sqlite",
    "hydra.sweeper.num_trial=3": "hydra.sweeper.num_trial: there is no such key; did you mean num_trials?",
    "resume=none": "resume: expected the folder of a sweep, got ",
}


@pytest.mark.parametrize(("argument", "message"), REFUSED.items(), ids=REFUSED)
def test_a_search_that_cannot_be_is_named_and_leaves_no_folder(typed, tmp_path, argument, message):
    answer = typed("train", *SEARCH, argument)
    assert answer.code == 2
    assert answer.err.startswith(f"error: {message}")
    assert answer.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_without_optuna_the_line_that_installs_it_is_named(typed, tmp_path, monkeypatch):
    monkeypatch.setattr("descentlab.extras.find_spec", lambda name: None)
    answer = typed("train", *SEARCH)
    assert answer.code == 2
    assert answer.err.endswith("expected optuna, which is not installed; type pip install 'descentlab[optuna]'\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("argument", "message"),
    {
        "hydra.sweeper.zip=[seed,model]": "hydra.sweeper.zip: model is not swept; Valid: optimizer.lr, seed.",
        "hydra.sweeper.zip=[seed,optimizer.lr]": "hydra.sweeper.zip: expected as many values of each key, got",
        "hydra.sweeper.zip=[3]": "hydra.sweeper.zip: expected keys, such as [seed,optimizer.lr], got [3].",
        "hydra.sweeper.max_batch_size=0": "hydra.sweeper.max_batch_size: expected a value greater than or equal to 1",
        "optimizer.lr=interval(0.1,1)": "optimizer.lr: expected values, got interval(0.1,1); type",
    }.items(),
    ids=str,
)
def test_a_product_that_cannot_be_is_named_and_leaves_no_folder(typed, tmp_path, argument, message):
    answer = typed("train", *QUICK, "seed=1,2", "optimizer.lr=0.1,0.2,0.3", argument)
    assert answer.code == 2
    assert answer.err.startswith(f"error: {message}")
    assert answer.err.count("\n") == 1
    assert not list(tmp_path.iterdir())
