"""stability.py: the limit before any training and at a trained run; the warning and the hint of train.py."""

import pytest

QUICK = ("logger=none", "figures=false")


def rows(text: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in text.splitlines()}


def test_the_limit_of_a_lesson_is_printed_before_any_training(typed, tmp_path):
    answer = typed("stability", "experiment=cubic")
    found = rows(answer.out)
    assert (answer.code, answer.err) == (0, "")
    assert (found["lambda_max"][0], found["limit"][0]) == ("19.7771", "0.101127")
    assert found["optimizer.lr"][:2] == ["0.01", "below"]
    assert not list(tmp_path.iterdir())


def test_the_limit_of_an_sse_is_that_of_the_mse_divided_by_the_samples(typed):
    by_mse, by_sse = (rows(typed("stability", "model=linear", f"loss={loss}").out) for loss in ("mse", "sse"))
    assert float(by_sse["limit"][0]) == pytest.approx(float(by_mse["limit"][0]) / 100, rel=1e-5)


def test_a_run_is_judged_at_its_trained_parameters(typed, trained):
    run = trained("model=relu_net", "trainer.max_steps=20", "logger.every=5")
    start, end = typed("stability", "model=relu_net"), typed("stability", f"run={run.folder}")
    assert (end.code, end.err) == (0, "")
    assert "at the trained parameters" in end.out
    assert rows(start.out)["lambda_max"][0] != rows(end.out)["lambda_max"][0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("run=nowhere", "nowhere/config.yaml: there is no such file"),
        ("run=a model=linear", "model: there is no such argument"),
        ("run=a checkpoint=first", "checkpoint: expected 'last' or 'best'"),
        ("optimizer.lrr=1", "optimizer.lrr: there is no such key"),
    ],
)
def test_bad_input_is_answered_in_one_line(typed, line, message):
    answer = typed("stability", *line.split())
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert answer.err.startswith(f"error: {message}")


def test_a_rate_above_the_limit_is_warned_of_and_runs_all_the_same(typed):
    answer = typed("train", "experiment=cubic", "optimizer.lr=0.2", "trainer.max_steps=5", *QUICK)
    assert answer.code == 0
    assert answer.err.splitlines() == [
        "warning: optimizer.lr=0.2 is above the stability limit 0.1011, so steps grow; see scripts/stability.py"
    ]


def test_a_net_above_its_limit_at_the_start_is_warned_of_in_one_line(typed):
    answer = typed("train", "model=relu_net", "optimizer.lr=2", "trainer.max_steps=5", *QUICK)
    assert (answer.code, answer.err.count("\n")) == (0, 1)
    assert answer.err.startswith("warning: optimizer.lr=2 is above the stability limit at the start, 1.628, so ")


@pytest.mark.parametrize("launcher", ["stack", "basic"])
def test_the_jobs_of_a_sweep_are_not_warned_of_one_by_one(typed, launcher):
    given = ["experiment=cubic", "optimizer.lr=0.2,0.3", "trainer.engine=lightning", "trainer.max_steps=5"]
    answer = typed("train", "-m", *given, f"hydra/launcher={launcher}", *QUICK)
    assert "warning" not in answer.err


@pytest.mark.parametrize("overrides", ["experiment=cubic", "model=relu_net", "model=linear optimizer=adam"])
def test_a_rate_below_the_limit_is_not_mentioned(typed, overrides):
    assert typed("train", *overrides.split(), "trainer.max_steps=5", *QUICK).err == ""


@pytest.mark.parametrize(
    ("overrides", "hint"),
    [
        ("experiment=cubic optimizer.lr=1", "optimizer.lr=0.051; the stability limit is 0.1011, got 1"),
        ("model=wide_net optimizer.lr=1000", "optimizer.lr=0.0024; the stability limit at the start is 0.004896"),
    ],
    ids=["quadratic", "net"],
)
def test_a_run_that_diverged_ends_with_a_rate_to_try(typed, overrides, hint):
    answer = typed("train", *overrides.split(), *QUICK)
    assert answer.code == 3
    assert answer.out.splitlines()[-1].split(maxsplit=1)[0] == "try"
    assert answer.out.splitlines()[-1].split(maxsplit=1)[1].startswith(hint)


@pytest.mark.parametrize("standardize", ["false", "true"])
def test_a_table_on_which_a_run_diverges_is_to_be_standardised_first(typed, standardize):
    table = ("data=table", "data.x=[100,200,300]", "data.y=[1,2,3]", f"data.standardize={standardize}")
    answer = typed("train", "model=linear", *table, "optimizer.lr=3", *QUICK)
    assert answer.code == 3
    hint = answer.out.splitlines()[-1]
    assert hint.startswith("try ")
    assert ("data.standardize=true, or optimizer.lr=" in hint) == (standardize == "false")
