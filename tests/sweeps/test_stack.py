"""A job of a stack is the lone run, bit for bit."""

import csv
import json
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from bits import needs_known_bits
from descentlab.engines.record import CannotRecord
from descentlab.errors import InputError
from descentlab.modules.regression import RegressionModule
from descentlab.runs.assemble import assemble
from descentlab.settings.compose import compose
from descentlab.sweeps.compose import Job
from descentlab.sweeps.fit import fit_stack
from descentlab.sweeps.stack import train_stack
from descentlab.sweeps.stacked_module import Member, StackedRegression

Run = Callable[[Sequence[Sequence[str]]], Path]
MakeJobs = Callable[[Sequence[Sequence[str]]], list[Job]]

FAMILIES = {
    "relu_net": ["model=relu_net", "data.num_samples=20"],
    "linear": ["model=linear", "data.num_samples=20"],
    "linear as a column": ["model=linear", "model.parameterization=column", "data.num_samples=20"],
    "polynomial": ["model=polynomial", "data.num_samples=20"],
    "two features": ["model=linear", "data=two_features", "data.num_samples=20"],
}
OPTIMIZERS = ["sgd", "momentum", "adam", "adamw", "rmsprop"]
LOSSES = ["mse", "sse", "mae", "huber"]
STEPS = "trainer.max_steps=60"


def assert_same_files(stack: Path, lone: Path, jobs: int) -> None:
    for job in map(str, range(jobs)):
        names = [
            sorted(str(path.relative_to(folder / job)) for path in (folder / job).rglob("*.*"))
            for folder in (stack, lone)
        ]
        hydra = [".hydra", *(f".hydra/{name}.yaml" for name in ("config", "hydra", "overrides"))]
        assert names[0] == [*hydra, *names[1]]  # which of a lone run Hydra writes
        assert (stack / job / "history.csv").read_text() == (lone / job / "history.csv").read_text()
        assert (stack / job / "config.yaml").read_text() == (lone / job / "config.yaml").read_text()
        ours, theirs = (json.loads((folder / job / "result.json").read_text()) for folder in (stack, lone))
        for key in ("status", "num_steps", "metrics", "coefficients", "true_coefficients", "non_finite"):
            assert ours[key] == theirs[key], key
        for name in (name for name in names[0] if name.endswith(".ckpt")):
            checkpoints = [torch.load(folder / job / name, weights_only=True) for folder in (stack, lone)]
            assert checkpoints[0]["global_step"] == checkpoints[1]["global_step"], name
            for key, value in checkpoints[0]["state_dict"].items():
                assert torch.equal(value, checkpoints[1]["state_dict"][key]), (name, key)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_member_has_the_bits_of_its_lone_run(
    family: list[str], optimizer: str, loss: str, stacked: Run, alone: Run
) -> None:
    choice = [*family, f"optimizer={optimizer}", f"loss={loss}", STEPS]
    jobs = [[*choice, f"seed={seed}", f"optimizer.lr={rate}"] for seed, rate in ((0, 0.001), (5, 0.002))]
    assert_same_files(stacked(jobs), alone(jobs), len(jobs))


VARIED = {
    "noise": ["data.noise_std=0.1", "data.noise_std=0.7"],
    "law": ["data.left_slope=-1", "data.left_slope=2"],
    "steps": ["trainer.max_steps=20", "trainer.max_steps=60"],
    "schedule": ["scheduler=step scheduler.step_size=20 scheduler.gamma=0.5", "scheduler=step scheduler.step_size=20"],
    "half a cosine each over its own steps": [
        "scheduler=cosine trainer.max_steps=60",
        "scheduler=cosine trainer.max_steps=120",
    ],
    "rates of Adam's": ["optimizer=adam scheduler=cosine", "optimizer=adam scheduler=cosine optimizer.lr=0.003"],
    "momentum": ["optimizer=momentum optimizer.momentum=0.5", "optimizer=momentum optimizer.momentum=0.9"],
    "weight decay": ["optimizer.weight_decay=0.1", "optimizer.weight_decay=0.2"],
    "betas": ["optimizer=adam optimizer.betas=[0.8,0.99]", "optimizer=adam optimizer.betas=[0.9,0.999]"],
    "no training at all": ["trainer.max_steps=0", "trainer.max_steps=0 seed=3"],
}


@pytest.mark.parametrize("varied", VARIED.values(), ids=VARIED)
def test_members_may_differ_in_every_value(varied: list[str], stacked: Run, alone: Run) -> None:
    jobs = [["model=relu_net", "data.num_samples=20", STEPS, *each.split()] for each in varied]
    assert_same_files(stacked(jobs), alone(jobs), len(jobs))


BATCHES = {
    "that divide the points": "data.batch_size=5",
    "the last of an epoch smaller": "data.batch_size=7",
    "one point each": "data.batch_size=1 trainer.max_steps=30",
    "as many as there are points": "data.batch_size=20",
}


@pytest.mark.parametrize("batches", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_members_walk_through_their_own_batches(batches: str, optimizer: str, stacked: Run, alone: Run) -> None:
    choice = ["model=relu_net", "data.num_samples=20", f"optimizer={optimizer}", STEPS, *batches.split()]
    jobs = [[*choice, f"seed={seed}", f"optimizer.lr={rate}"] for seed, rate in ((0, 0.01), (5, 0.02), (6, 0.01))]
    folder = stacked(jobs)
    assert_same_files(folder, alone(jobs), len(jobs))
    assert json.loads((folder / "0" / "result.json").read_text())["engine"] == "stacked"


def test_members_on_batches_end_and_diverge_where_their_lone_runs_do(stacked: Run, alone: Run) -> None:
    choice = ["model=polynomial", "data.num_samples=20", "data.batch_size=6", "history.every=7"]
    ends = [(0.01, 20), (0.02, 41), (0.7, 60), (0.03, 60)]  # 41 is within an epoch
    jobs = [[*choice, f"optimizer.lr={rate}", f"trainer.max_steps={steps}", "seed=3"] for rate, steps in ends]
    folder = stacked(jobs)
    assert_same_files(folder, alone(jobs), len(jobs))
    statuses = [json.loads((folder / job / "result.json").read_text())["status"] for job in "0123"]
    assert statuses == ["completed", "completed", "diverged", "completed"]


CALLBACKS = {
    "validation at steps of its own": "callbacks.validation.every=7",
    "no validation": "~callbacks.validation",
    "no checkpoints": "~callbacks.checkpoint",
}


@pytest.mark.parametrize("callbacks", CALLBACKS.values(), ids=CALLBACKS)
def test_a_stack_leaves_what_the_callbacks_of_its_jobs_leave(callbacks: str, stacked: Run, alone: Run) -> None:
    jobs = [["model=relu_net", "data.num_samples=20", STEPS, callbacks, f"seed={seed}"] for seed in (1, 2)]
    assert_same_files(stacked(jobs), alone(jobs), len(jobs))


def test_members_stop_early_where_their_lone_runs_do(stacked: Run, alone: Run) -> None:
    # On a few points of pure noise the held-out loss falls at first and rises again.
    noise = ["model=linear", "data=noise", "data.num_samples=4", "model.initial_coefficients=[3,3]"]
    choice = [*noise, "callbacks=[default,early_stopping]", "callbacks.early_stopping.patience=2", "logger.every=2"]
    jobs = [[*choice, STEPS, f"seed={seed}", f"optimizer.lr={rate}"] for seed, rate in ((2, 0.1), (2, 0.02), (3, 0.1))]
    folder = stacked(jobs)
    assert_same_files(folder, alone(jobs), len(jobs))
    results = [json.loads((folder / job / "result.json").read_text()) for job in "012"]
    assert {(result["status"], result["engine"]) for result in results} == {("completed", "stacked")}
    ends = [result["num_steps"] for result in results]
    assert len(set(ends)) == 3
    assert min(ends) < 60


def test_the_time_of_a_stack_is_divided_among_its_jobs(make_jobs: MakeJobs, tmp_path: Path) -> None:
    jobs, members = make_jobs([["model=linear"]] * 4), members_of(*(f"seed={seed}" for seed in range(4)))
    began = time.perf_counter()
    results = train_stack(jobs, members, tmp_path, leaves_folders=False)
    passed = time.perf_counter() - began
    assert len({result.seconds["training"] for result in results}) == 1
    assert 0 < 4 * results[0].seconds["training"] <= passed
    assert all(result.seconds["setup"] == 0.0 for result in results)


def test_a_member_that_a_search_has_stopped_is_pruned_unless_it_diverged(make_jobs: MakeJobs, tmp_path: Path) -> None:
    members = members_of("seed=1", "seed=2", "seed=3 model.initial_coefficients=[1e30,1]")
    members[0].module.pruned = members[2].module.pruned = True
    results = train_stack(make_jobs([["model=linear"]] * 3), members, tmp_path, leaves_folders=False)
    assert [result.status for result in results] == ["pruned", "completed", "diverged"]


def test_initial_coefficients_may_differ(stacked: Run, alone: Run) -> None:
    jobs = [["experiment=americano", f"model.initial_coefficients=[{w},1]"] for w in (-5, 2)]
    assert_same_files(stacked(jobs), alone(jobs), len(jobs))


@pytest.mark.parametrize("loss", ["mse", "mae"])
def test_standardised_tables_come_back_in_the_users_units(loss: str, stacked: Run, alone: Run) -> None:
    table = ["model=linear", "data=table", "data.standardize=true", "data.val_fraction=0.3", f"loss={loss}", STEPS]
    jobs = [[*table, "data.x=[1,2,3,4,5,6]", f"data.y=[2,4,7,8,9,{last}]", f"seed={last}"] for last in (13, 20)]
    assert_same_files(stacked(jobs), alone(jobs), len(jobs))


def test_a_diverging_member_changes_no_bit_of_its_neighbours(stacked: Run, alone: Run) -> None:
    jobs = [["model=polynomial", f"optimizer.lr={rate}", "seed=3", STEPS] for rate in (0.01, 3.0, 0.02)]
    folder = stacked(jobs)
    assert_same_files(folder, alone(jobs), len(jobs))
    statuses = [json.loads((folder / job / "result.json").read_text())["status"] for job in "012"]
    assert statuses == ["completed", "diverged", "completed"]


@needs_known_bits
@pytest.mark.parametrize("batches", ["data.batch_size=null", "data.batch_size=32"], ids=["full", "shuffled"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_wide_members_have_the_bits_of_their_lone_runs(optimizer: str, batches: str, stacked: Run, alone: Run) -> None:
    choice = ["model=wide_net", "loss=mae", f"optimizer={optimizer}", "optimizer.lr=0.001", STEPS, batches]
    jobs = [[*choice, f"seed={seed}"] for seed in (1, 2)]
    assert_same_files(stacked(jobs), alone(jobs), len(jobs))


def _losses(path: Path) -> list[float]:
    with open(path) as file:
        return [float(row["train/loss"]) for row in csv.DictReader(file)]


NATIVE = "trainer.engine=native"


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_native_members_agree_with_their_lone_runs_to_a_hundred_thousandth(stacked: Run, alone: Run) -> None:
    choice = ["model=relu_net", "trainer.max_steps=1000"]
    jobs = [[*choice, NATIVE, "seed=1"], [*choice, NATIVE, "seed=2", "optimizer.lr=0.05", "trainer.max_steps=700"]]
    stack, lone = stacked(jobs), alone([[*job, "trainer.engine=auto"] for job in jobs])
    for job in "01":
        ours, theirs = (_losses(folder / job / "history.csv") for folder in (stack, lone))
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
        assert json.loads((stack / job / "result.json").read_text())["engine"] == "native"


@pytest.mark.parametrize("engine", ["native", "compiled"])
def test_a_stack_that_cannot_be_had_in_c_says_why_and_keeps_its_bits(
    engine: str, stacked: Run, alone: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    jobs = [["model=linear", STEPS, f"trainer.engine={engine}", f"seed={seed}"] for seed in (1, 2)]
    stack = stacked(jobs)
    assert "the recorded stack performs the steps: there is no C compiler" in capsys.readouterr().err
    result = json.loads((stack / "0" / "result.json").read_text())
    assert result["engine"] == "stacked"
    assert_same_files(stack, alone(jobs), len(jobs))


def test_a_native_stack_is_left_where_batches_change_and_says_so(
    stacked: Run, alone: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = [["model=linear", STEPS, NATIVE, "data.batch_size=40", f"seed={seed}"] for seed in (1, 2)]
    stack = stacked(jobs)
    assert "the recorded stack performs the steps: native steps take full batches" in capsys.readouterr().err
    assert_same_files(stack, alone(jobs), len(jobs))


def test_members_that_train_in_a_way_of_their_own_are_refused() -> None:
    class Doubled(RegressionModule):
        def training_step(self, batch, batch_idx):
            return 2 * super().training_step(batch, batch_idx)

    data, module = assemble(compose(["model=linear"]))
    module.__class__ = Doubled
    with pytest.raises(CannotRecord, match="Doubled has a training_step of its own"):
        StackedRegression([Member(module, data, num_steps=1)])


def test_a_stack_is_trained_on_one_thread() -> None:
    torch.set_num_threads(2)
    try:
        fit_stack(members_of("seed=1", "seed=2"))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(1)


def test_members_without_settings_keep_the_rates_of_their_optimisers() -> None:
    choices = ("seed=1 optimizer.lr=0.05", "seed=2")
    given, own = members_of(*choices), members_of(*choices)
    for member in given:
        member.module.config = None
    fit_stack(given)
    fit_stack(own)
    assert [member.module.coefficients() for member in given] == [member.module.coefficients() for member in own]


def test_lightning_says_nothing_of_a_stack(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("lightning.pytorch")
    monkeypatch.setattr(logger, "handlers", [caplog.handler])
    logger.setLevel(logging.INFO)
    fit_stack(members_of("seed=1", "seed=2"))
    assert [record.getMessage() for record in caplog.records] == []


def members_of(*choices: str) -> list[Member]:
    built = [assemble(compose(["model=linear", *choice.split()])) for choice in choices]
    return [Member(module, data, num_steps=1) for data, module in built]


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        (("data.num_samples=10", "data.num_samples=11"), "their points differ in number"),
        (("data.batch_size=10", "data.batch_size=20"), "their batches differ in size"),
        (("data.batch_size=10", "data.batch_size=null"), "their batches differ in size"),
        (("seed=1", "model=relu_net"), "their nets differ"),
        (("model=relu_net", "model=relu_net model.hidden_width=3"), "their nets differ"),
    ],
    ids=["points", "batches", "batches and all points", "nets", "widths"],
)
def test_members_of_other_sizes_are_refused(choices: Sequence[str], reason: str) -> None:
    with pytest.raises(CannotRecord, match=reason):
        StackedRegression(members_of(*choices))


def test_a_stack_of_no_members_is_refused() -> None:
    with pytest.raises(InputError, match="expected at least one member"):
        fit_stack([])
