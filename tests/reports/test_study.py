"""Sweeps and runs read back."""

import csv
import json
import shutil

import pytest

from descentlab.errors import InputError
from descentlab.reports.study import read_study


def test_a_sweep_is_read_as_its_table_says(kink_sweep):
    study = read_study([kink_sweep], [])
    with open(kink_sweep / "sweep.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [job.metrics["train/loss"] for job in study.jobs] == [float(row["train/loss"]) for row in rows]
    assert [job.values["model.hidden_width"] for job in study.jobs] == [int(row["model.hidden_width"]) for row in rows]
    assert [str(job.folder.relative_to(kink_sweep)) for job in study.jobs] == [row["folder"] for row in rows]


def test_what_was_swept_is_told_from_the_seeds_and_from_what_all_share(kink_sweep):
    study = read_study([kink_sweep], [])
    assert set(study.varied) == {"model.seed", "model.hidden_width"}
    assert study.swept == ["model.hidden_width"]


def test_folds_are_repetitions_as_seeds_are(swept, tmp_path):
    (tmp_path / "points.csv").write_text("x,y\n" + "".join(f"{k},{2 * k + 1}\n" for k in range(20)))
    table = ["data=table", f"data.path={tmp_path / 'points.csv'}", "data.features=[x]", "data.target=y", "model=linear"]
    folder = swept(*table, "data.fold=range(0,4)", "optimizer.lr=0.001,0.002", "trainer.max_steps=5")
    study = read_study([folder], [])
    assert study.swept == ["optimizer.lr"]
    assert [len(jobs) for jobs in study.grouped(study.swept).values()] == [4, 4]
    with open(folder / "summary.csv", newline="") as file:
        assert [(row["optimizer.lr"], row["count"]) for row in csv.DictReader(file)] == [("0.002", "4"), ("0.001", "4")]


def test_what_made_a_sweep_is_known_where_it_left_no_folders(kink_sweep):
    with_folders = read_study([kink_sweep], []).made_with
    for folder in kink_sweep.glob("[0-9]*"):
        shutil.rmtree(folder)
    assert read_study([kink_sweep], []).made_with == with_folders
    assert {"torch", "engine", "machine"} <= set(with_folders)


def test_failures_are_those_of_the_summary(kink_sweep):
    study = read_study([kink_sweep], [])
    with open(kink_sweep / "summary.csv", newline="") as file:
        written = {int(row["model.hidden_width"]): int(row["failures"]) for row in csv.DictReader(file)}
    counted = {width: sum(job.has_failed for job in jobs) for (width,), jobs in study.grouped(study.swept).items()}
    assert counted == written
    assert {job.fails_above for job in study.jobs} == {0.18}


def test_the_command_repeats_the_sweep_wherever_it_lay(kink_sweep):
    (command,) = read_study([kink_sweep], []).commands
    assert command == (
        "python scripts/train.py -m experiment=kink_two_relu_starts model.hidden_width=1,2 "
        "'model.seed=range(0,6)' trainer.max_steps=300"
    )


def test_the_command_holds_what_was_typed_of_the_sweeper(swept):
    where = swept("model=linear", "optimizer.lr=interval(0.01,0.1)", "hydra.sweeper.points=3", "trainer.max_steps=2")
    (command,) = read_study([where], []).commands
    assert command == (
        "python scripts/train.py -m hydra.sweeper.points=3 model=linear 'optimizer.lr=interval(0.01,0.1)' "
        "trainer.max_steps=2"
    )


def test_a_sweep_over_models_is_named_after_them_as_its_folder_is(swept):
    assert read_study([swept("model=linear,relu_net", "trainer.max_steps=2")], []).name == "linear-relu_net"


def test_a_run_is_a_study_of_one(kink_sweep):
    study = read_study([], [kink_sweep / "3"])
    assert [(job.status, job.num_steps) for job in study.jobs] == [("completed", 300)]
    assert study.varied == []


def test_in_a_comparison_the_folder_is_a_setting_and_stands_for_all_it_decides(kink_sweep, cubic_sweep):
    study = read_study([kink_sweep, cubic_sweep], [])
    assert study.swept == ["folder", "model.hidden_width", "optimizer.lr"]
    assert {job.values["folder"] for job in study.jobs} == {"kink", "cubic"}
    assert len({job.label for job in study.jobs}) == len(study.jobs) == 12 + 24


def test_runs_are_told_apart_by_their_folders_alone(kink_sweep):
    study = read_study([], [kink_sweep / "0", kink_sweep / "3"])
    assert study.swept == ["folder"]
    assert [job.label for job in study.jobs] == ["0", "3"]


def test_a_folder_given_twice_is_refused(kink_sweep):
    with pytest.raises(InputError, match="different folders"):
        read_study([kink_sweep, kink_sweep], [])


def test_a_run_given_as_a_sweep_is_refused_with_what_to_type(kink_sweep):
    with pytest.raises(InputError, match=r"has no sweep\.csv; a run's folder is given as run="):
        read_study([kink_sweep / "0"], [])


def test_a_sweep_given_as_a_run_is_refused(kink_sweep):
    with pytest.raises(InputError, match=r"config\.yaml: there is no such file"):
        read_study([], [kink_sweep])


@pytest.mark.parametrize("text", ["", "[]", '{"common": {}, "jobs": []}', '{"common": 1, "jobs": 2}'])
def test_a_damaged_ledger_is_refused(kink_sweep, text):
    (kink_sweep / "jobs.json").write_text(text)
    with pytest.raises(InputError, match="sweep: "):
        read_study([kink_sweep], [])


def test_a_job_that_broke_down_has_failed_and_has_no_loss(kink_sweep):
    shutil.rmtree(kink_sweep / "stacks")
    shutil.rmtree(kink_sweep / "0")
    study = read_study([kink_sweep], [])
    assert study.jobs[0].has_failed
    assert study.jobs[0].status == "failed"
    assert study.jobs[0].num_steps is None
    assert study.jobs[0].loss != study.jobs[0].loss


def test_versions_come_from_a_result(kink_sweep):
    made_with = read_study([kink_sweep], []).made_with
    result = json.loads((kink_sweep / "0" / "result.json").read_text())
    assert made_with["torch"] == result["versions"]["torch"]
    assert made_with["machine"] == result["machine"]
