"""evaluate.py, predict.py and gradients.py: what they print, and what they answer to bad input."""

import shutil

import pytest
import torch

from descentlab.runs.judge import evaluate, predict


@pytest.fixture(scope="module")
def run(trained):
    return trained("model=linear", "trainer.max_steps=20", "logger.every=5")


@pytest.fixture(scope="module")
def plane(trained):
    return trained("model=linear", "data=two_features", "trainer.max_steps=20")


def test_evaluate_prints_a_line_a_stage(typed, run):
    answer = typed("evaluate", f"run={run.folder}")
    header, *lines = answer.out.splitlines()
    assert (answer.code, answer.err, header.split()) == (0, "", ["loss", "mse"])
    expected = evaluate(run.folder)
    for line, (stage, metrics) in zip(lines, expected.items(), strict=True):
        assert line.split() == [stage, f"{metrics['loss']:.6g}", f"{metrics['mse']:.6g}"]


def test_evaluate_takes_the_best_checkpoint_on_demand(typed, trained):
    run = trained("experiment=one_weight_overshoot", "logger.every=1", "trainer.max_steps=4")
    answer = typed("evaluate", f"run={run.folder}", "checkpoint=best")
    assert f"{evaluate(run.folder, 'best')['val']['loss']:.6g}" in answer.out.splitlines()[2]


@pytest.mark.parametrize(("x", "rows"), [("0.5", [0.5]), ("[0.1,0.5]", [0.1, 0.5]), ("-2", [-2.0])], ids=str)
def test_predict_prints_a_prediction_a_line(typed, run, x, rows):
    w = run.result["coefficients"]
    answer = typed("predict", f"run={run.folder}", f"x={x}")
    assert (answer.code, answer.err) == (0, "")
    assert list(map(float, answer.out.split("\n")[:-1])) == pytest.approx([w["w0"] + w["w1"] * k for k in rows])


def test_predict_takes_several_features_as_nested_lists(typed, plane):
    answer = typed("predict", f"run={plane.folder}", "x=[[1,2],[3,4]]")
    expected = predict(plane.folder, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert list(map(float, answer.out.split())) == pytest.approx(expected, rel=1e-6)


def test_predict_reads_a_csv_and_writes_one(typed, plane, tmp_path):
    (tmp_path / "in.csv").write_text("x2,x1\n2,1\n4,3\n")
    answer = typed("predict", f"run={plane.folder}", "csv=in.csv", "out=out.csv")
    assert (answer.code, answer.out, answer.err) == (0, "", "")
    header, *lines = (tmp_path / "out.csv").read_text().splitlines()
    expected = predict(plane.folder, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert header == "prediction"
    assert list(map(float, lines)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["x", "x1"])
def test_the_one_column_of_a_run_with_one_feature_is_x_or_x1(typed, run, tmp_path, name):
    (tmp_path / "in.csv").write_text(f"y,{name}\n0,0.1\n0,0.5\n")
    answer = typed("predict", f"run={run.folder}", "csv=in.csv")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == typed("predict", f"run={run.folder}", "x=[0.1,0.5]").out


def test_a_table_without_the_columns_of_the_run_is_told_them(typed, run, plane, tmp_path):
    (tmp_path / "in.csv").write_text("X,hours\n1,2\n")
    answer = typed("predict", f"run={run.folder}", "csv=in.csv")
    assert answer.err == "error: in.csv: expected the columns of the run's inputs, x, got X, hours.\n"
    answer = typed("predict", f"run={plane.folder}", "csv=in.csv")
    assert answer.err == "error: in.csv: expected the columns of the run's inputs, x1, x2, got X, hours.\n"


def test_predict_reads_the_columns_that_the_run_was_trained_on(typed, trained, tmp_path):
    points = tmp_path / "points.csv"
    points.write_text("b,a,y\n1,2,3\n2,3,5\n4,5,8\n")
    run = trained(
        *("model=linear", "data=table", f"data.path={points}", "data.features=[a,b]", "data.target=y"),
        "trainer.max_steps=5",
    )
    points.unlink()  # it is not needed any more
    (tmp_path / "new.csv").write_text("b,a\n7,9\n")
    answer = typed("predict", f"run={run.folder}", "csv=new.csv")
    assert float(answer.out) == pytest.approx(predict(run.folder, torch.tensor([[9.0, 7.0]]))[0], rel=1e-6)


REFUSED = {
    "evaluate run=nowhere": "nowhere/config.yaml: there is no such file; give the folder of a run",
    "evaluate run=RUN checkpoint=first": "checkpoint: expected 'last' or 'best', got 'first'.",
    "evaluate run=RUN checkpont=best": "checkpont: there is no such argument; did you mean checkpoint?",
    "predict x=1": "run: expected a value, got none",
    "predict run=RUN": "x, csv: expected one of them, got neither; type x=[0.1,0.5] or csv=<file>",
    "predict run=RUN x=1 csv=a.csv": "x, csv: expected one of them, got both; type x=[0.1,0.5] or csv=<file>",
    "predict run=RUN x=one": "x: expected a valid number, got 'one'.",
    "predict run=RUN x=[]": "x: expected at least one sample",
    "predict run=RUN x=[[1,2],[3]]": "x: expected at least one sample, and rows of one length, got 1, 2; type",
    "predict run=RUN x=[[1,2]]": "x: expected 1 features a sample, got 2.",
    "predict run=RUN csv=none.csv": "none.csv: expected a CSV file, but it cannot be read",
    "predict run=RUN x=1 out=nowhere/out.csv": "out: ",
    "gradients optimizer.lr=0": "optimizer.lr: expected a value greater than 0, got 0.",
    "gradients experiment=americanoo": "experiment=americanoo: there is no such choice; did you mean americano",
}


@pytest.mark.parametrize(("line", "message"), REFUSED.items(), ids=REFUSED)
def test_bad_input_is_answered_in_one_line(typed, run, line, message):
    answer = typed(*(word.replace("RUN", str(run.folder)) for word in line.split()))
    assert answer.code == 2
    assert answer.err.startswith(f"error: {message}")
    assert answer.err.count("\n") == 1
    assert answer.out == ""


@pytest.mark.parametrize("command", ["evaluate", "predict", "gradients"])
def test_the_traceback_of_bad_input_is_shown_on_demand(typed, command):
    answer = typed(command, "nothing=1", "debug=trace")
    assert answer.code == 2
    assert "Traceback (most recent call last):" in answer.err.splitlines()


def test_a_damaged_checkpoint_is_answered_in_one_line(typed, run, tmp_path):
    copy = shutil.copytree(run.folder, tmp_path / "copy")
    (copy / "checkpoints" / "last.ckpt").write_bytes(b"not a checkpoint")
    answer = typed("predict", f"run={copy}", "x=1")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "expected a checkpoint of plain values" in answer.err


def columns(out: str) -> dict[str, dict[str, str]]:
    header, *lines = out.splitlines()
    names = header.replace(" - auto", "-auto").split()[1:]
    return {line.split()[0]: dict(zip(names, line.split()[1:], strict=True)) for line in lines}


def test_gradients_of_the_lesson_stand_side_by_side(typed):
    answer = typed("gradients", "experiment=americano")  # lesson 1b
    found = columns(answer.out)
    assert (answer.code, answer.err) == (0, "")
    assert {name: found[name]["analytic"] for name in found} == {"w0": "-1342.2524", "w1": "1188.9302"}
    for row in found.values():
        autograd, difference = float(row["autograd"]), float(row["difference"])
        assert float(row["anal-auto"]) == pytest.approx(float(row["analytic"]) - autograd, abs=2e-4)
        assert float(row["diff-auto"]) == pytest.approx(difference - autograd, rel=1e-2, abs=2e-4)


def model_choices() -> list[str]:
    from descentlab.settings.config_folders import config_folder

    return sorted(file.stem for file in (config_folder() / "model").glob("*.yaml"))


@pytest.mark.parametrize("model", model_choices())
def test_gradients_of_every_family_agree(typed, model):
    answer = typed("gradients", f"model={model}", "loss=mse")
    found = columns(answer.out)
    scale = max(abs(float(row["autograd"])) for row in found.values())
    assert scale > 0
    linear = model in ("linear", "polynomial")
    for row in found.values():
        assert ("analytic" in row) is linear
        assert abs(float(row.get("anal-auto", "0"))) < 1e-4 * scale


def test_gradients_of_a_loss_without_a_formula_have_no_analytic_column(typed):
    answer = typed("gradients", "model=linear", "loss=mae")
    assert "analytic" not in answer.out
