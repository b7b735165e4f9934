"""train.py: one run or a sweep, its folder, its table, its exit code; and what it answers to bad input."""

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hydra.core.utils import setup_globals
from omegaconf import OmegaConf

from descentlab.errors import InputError
from descentlab.runs.folders import make_exclusively
from descentlab.settings.config_folders import config_folder
from descentlab.settings.resolvers import register_resolvers

QUICK = ("trainer.max_steps=3", "logger=none", "figures=false")

REFUSED = {
    "optimizer.lrr=1": "optimizer.lrr: there is no such key; did you mean lr?",
    "optimizer=sgdd": "optimizer=sgdd: there is no such choice; did you mean sgd?",
    "nogroup=x": "nogroup: there is no such key; Valid: ",
    "model=null": "model=null: expected the name of a choice, got null",
    "optimizer.lr=0": "optimizer.lr: expected a value greater than 0, got 0.",
    "model.hidden_width=two": "model.hidden_width: expected a valid integer, got 'two'.",
    "optimizer.lr=[1": "optimizer.lr=[1: expected key=value, but it cannot be read",
    "optimizer.lr=0.1,0.2": "optimizer.lr=0.1,0.2: expected one value, got several",
    "optimizer.lr=${nope}": "optimizer.lr: expected a value, but Interpolation key 'nope' not found",
    "model.num_features=3": "model.num_features: expected 1, as many as the data have, got 3",
    "data=table": "data: expected points (data.x=[1,2,3] data.y=[2,4,6]) or a CSV",
    "data=table data.path=none.csv data.features=[a] data.target=b": "none.csv: expected a CSV file",
    "data=table data.x=[1,2] data.y=[1]": "data.x, data.y: expected as many rows as targets",
    "model=linear model.initial_coefficients=[1]": "model.initial_coefficients: expected 2 numbers (w0, w1)",
    "model=polynomial data=two_features": "model=polynomial: expected data with one feature",
    "-m optimizer.lr=-1,0.1": "optimizer.lr: expected a value greater than 0, got -1.",
    "-m optimizer.lrr=1,2": "optimizer.lrr: there is no such key; did you mean lr?",
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.items(), ids=REFUSED)
def test_bad_input_is_answered_in_one_line_and_leaves_no_folder(typed, tmp_path, arguments, message):
    answer = typed("train", *arguments.split(), *QUICK)
    assert answer.code == 2
    assert answer.err.startswith(f"error: {message}")
    assert answer.err.count("\n") == 1
    assert answer.out == ""
    assert not any(path.is_dir() for path in tmp_path.glob("outputs/*/*/*"))


@pytest.mark.parametrize("asked", ["debug=trace", "debug=fast", "debug.trace=true"])
@pytest.mark.parametrize("arguments", ["optimizer.lr=0", "optimizer.lrr=1", "data=table"], ids=str)
def test_the_traceback_of_bad_input_is_shown_on_demand(typed, arguments, asked):
    answer = typed("train", *QUICK, arguments, asked)
    *trace, message = answer.err.splitlines()
    assert answer.code == 2
    assert "Traceback (most recent call last):" in trace
    assert message.startswith("error: ")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused_with_what_is(typed):
    answer = typed("train", "trainer=gpu", *QUICK)
    assert answer.code == 2
    assert answer.err.startswith("error: trainer: expected devices that this machine has, but ")
    assert answer.err.endswith("; type trainer=cpu.\n")


def test_a_run_leaves_one_folder_and_prints_its_table(typed, tmp_path):
    answer = typed("train", "model=linear", *QUICK)
    (folder,) = (tmp_path / "outputs" / "runs" / "linear").iterdir()
    assert (answer.code, answer.err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in answer.out.splitlines())
    assert lines["status"] == "completed"
    assert lines["steps"] == "3"
    assert lines["folder"] == str(folder.relative_to(tmp_path)) or lines["folder"] == str(folder)
    assert lines["w0"].endswith("(true 2.5)")
    assert json.loads((folder / "result.json").read_text())["num_steps"] == 3


def test_hydra_leaves_its_own_files_in_the_folder(typed, tmp_path):
    typed("train", "experiment=americano", *QUICK)
    (folder,) = (tmp_path / "outputs" / "runs" / "americano").iterdir()
    names = sorted(path.name for path in (folder / ".hydra").iterdir())
    assert names == ["config.yaml", "hydra.yaml", "overrides.yaml"]
    assert OmegaConf.load(folder / ".hydra" / "overrides.yaml") == ["experiment=americano", *QUICK]


def test_a_folder_is_named_after_the_experiment_the_time_and_an_id(typed, tmp_path):
    typed("train", "experiment=americano", *QUICK)
    (folder,) = (tmp_path / "outputs" / "runs" / "americano").iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-[0-9a-f]{8}", folder.name)


def test_a_folder_of_ones_own_is_used_and_never_used_again(typed, tmp_path):
    own = f"hydra.run.dir={tmp_path}/mine"
    assert typed("train", *QUICK, own).code == 0
    before = sorted(path.name for path in (tmp_path / "mine").iterdir())
    answer = typed("train", *QUICK, own)
    assert answer.code == 2
    assert answer.err == (
        f"error: hydra.run.dir: expected a folder that is not there yet, got {tmp_path}/mine; type run={tmp_path}/mine "
        "to go on with it or judge it, or another name, or remove it.\n"
    )
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_made_is_refused(typed, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    answer = typed("train", *QUICK, f"hydra.run.dir={tmp_path}/closed/mine")
    assert (answer.code, "cannot be made" in answer.err) == (2, True)


def test_a_folder_below_a_file_cannot_be_made(typed, tmp_path):
    (tmp_path / "file").write_text("")
    answer = typed("train", *QUICK, f"hydra.run.dir={tmp_path}/file/mine")
    assert answer.code == 2
    assert answer.err.startswith("error: hydra.run.dir: ")
    assert answer.err.count("\n") == 1


DIVERGING = ("experiment=cubic", "optimizer.lr=1", "logger=none", "figures=false")


def test_a_lone_run_that_diverges_exits_with_3(typed):
    answer = typed("train", *DIVERGING)
    assert answer.code == 3
    assert "diverged" in answer.out


def test_a_sweep_in_which_a_run_diverges_exits_with_0(typed, tmp_path):
    answer = typed("train", "-m", *DIVERGING[:1], "optimizer.lr=0.01,1", *DIVERGING[2:], "trainer.max_steps=50")
    (sweep,) = (tmp_path / "outputs" / "sweeps" / "cubic").iterdir()
    statuses = [json.loads((sweep / job / "result.json").read_text())["status"] for job in ("0", "1")]
    assert (answer.code, statuses) == (0, ["completed", "diverged"])


@pytest.mark.parametrize("place", [0, 1, 3], ids=["first", "in the midst", "last"])
def test_a_sweep_is_asked_for_anywhere_on_the_line(typed, place):
    words = ["model=linear", "seed=1,2", "check=true"]
    answer = typed("train", *words[:place], "-m", *words[place:])
    assert (answer.code, answer.out, answer.err) == (0, "2 jobs can be run\n", "")


def test_one_job_of_a_sweep_is_one(typed):
    assert typed("train", "model=linear", "check=true", "-m").out == "1 job can be run\n"


def test_a_check_says_what_can_be_run_and_runs_nothing(typed, tmp_path):
    answer = typed("train", *QUICK, "check=true")
    assert (answer.code, answer.out) == (0, "1 job can be run\n")
    assert not (tmp_path / "outputs").exists()


def test_fifty_folders_of_one_second_are_fifty():
    setup_globals()
    register_resolvers()
    pattern = OmegaConf.load(config_folder() / "train.yaml")._get_node("hydra")._get_node("run")._get_node("dir")
    text = pattern._value().replace("%S", "00")  # the same second for all
    names = {OmegaConf.create({"name": "a", "dir": text}).dir for _ in range(50)}
    assert len({name.rpartition("-")[0] for name in names}) <= 2  # a minute may turn on the way
    assert len(names) == 50


def test_of_fifty_that_want_one_folder_one_gets_it(tmp_path):
    def wins(_: int) -> bool:
        try:
            make_exclusively(tmp_path / "runs" / "same", "hydra.run.dir")
        except InputError:
            return False
        return True

    with ThreadPoolExecutor(50) as threads:
        assert sum(threads.map(wins, range(50))) == 1
