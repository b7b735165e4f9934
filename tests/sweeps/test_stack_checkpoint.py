"""A stack that is cut short goes on from its last checkpoint, and ends as if it had not been."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch
from lightning.pytorch import Trainer

from descentlab.runs.soak import differences
from descentlab.sweeps import stack_checkpoint
from descentlab.sweeps.compose import Job
from descentlab.sweeps.grouping import Group
from descentlab.sweeps.launch import launch
from descentlab.sweeps.pieces import cut, run_piece
from descentlab.sweeps.stack_checkpoint import StackCheckpoint, begun, forget

MakeJobs = Callable[[Sequence[Sequence[str]]], list[Job]]
EVERY = ["callbacks.checkpoint.every=10", "callbacks.checkpoint.seconds=0"]
SHORT = ["model=linear", "data.num_samples=20", "trainer.max_steps=60", *EVERY]
LINES = [[*SHORT, f"seed={seed}"] for seed in (1, 2, 3)]


class CutShort(BaseException):
    """What ends a process in the midst of training, as far as the training is concerned."""


@pytest.fixture
def sweep(make_jobs: MakeJobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Trains jobs as one stack in a folder of this name; with `stop`, until the checkpoint at that step is written."""

    def run(overrides: Sequence[Sequence[str]], name: str, stop: int | None = None) -> Path:
        looks = StackCheckpoint.look

        def look(self: StackCheckpoint, trainer: Trainer, module: object, step: int) -> None:
            looks(self, trainer, module, step)
            if step == stop:
                raise CutShort

        (tmp_path / name).mkdir(exist_ok=True)
        with monkeypatch.context() as patch:
            patch.setattr(stack_checkpoint, "_WORTH_IT", 0)
            patch.setattr(StackCheckpoint, "look", look)
            launch(make_jobs(overrides), tmp_path / name, partial(map, run_piece), num_workers=1)
        return tmp_path / name

    return run


STACKS = {
    "lines": LINES,
    "a net with Adam and a schedule": [
        [*SHORT, "model=relu_net", "optimizer=adam", "scheduler=cosine", f"seed={seed}"] for seed in (1, 2)
    ],
    "momentum on shuffled batches": [
        [*SHORT, "optimizer=momentum", "data.batch_size=7", f"seed={seed}"] for seed in (1, 2)
    ],
    "another loss, of which every third step is recorded": [
        [*SHORT, "model=relu_net", "loss=mae", "history.every=3", f"seed={seed}"] for seed in (1, 2)
    ],
    "a wide net": [[*SHORT, "model=wide_net", "model.hidden_width=50", f"seed={seed}"] for seed in (1, 2)],
    "ends before and after": [[*SHORT, f"trainer.max_steps={steps}"] for steps in (20, 40, 60)],
    "one that diverges": [[*SHORT, "model=polynomial", f"optimizer.lr={rate}"] for rate in (0.01, 100.0)],
    "early stopping before, after and never": [
        [*SHORT, *("data=noise", "data.num_samples=4", "model.initial_coefficients=[3,3]", "logger.every=10"),
         *("callbacks=[default,early_stopping]", "callbacks.early_stopping.patience=1"),
         f"seed={seed}", f"optimizer.lr={rate}"]
        for seed, rate in ((2, 0.2), (3, 0.03), (2, 0.01))
    ],
    "compiled steps": [[*SHORT, "trainer.engine=compiled", f"seed={seed}"] for seed in (1, 2)],
    "native steps": [[*SHORT, "trainer.engine=native", f"seed={seed}"] for seed in (1, 2)],
}  # fmt: skip


@pytest.mark.parametrize("overrides", STACKS.values(), ids=STACKS)
def test_a_stack_that_was_cut_short_goes_on_and_ends_with_the_same_bits(
    overrides: list[list[str]], sweep: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    whole = sweep(overrides, "whole")
    with pytest.raises(CutShort):
        sweep(overrides, "parted", stop=30)
    capsys.readouterr()
    parted = sweep(overrides, "parted")
    assert f"the stack of jobs 0 to {len(overrides) - 1} goes on from step 30\n" in capsys.readouterr().err
    for job in range(len(overrides)):
        assert differences(whole / str(job), parted / str(job)) == []
    assert [path.name for path in (parted / "stacks").iterdir()] == ["0.npz"]


def spoil(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def exchange(path: Path) -> None:
    torch.save({"state_dict": {}, "jobs": [0, 1, 2], "global_step": 30, "stack": 5}, path)


def name_other_jobs(path: Path) -> None:
    torch.save({**torch.load(path, weights_only=True), "jobs": [0, 1, 2, 7]}, path)


def name_jobs_twice(path: Path) -> None:
    torch.save({**torch.load(path, weights_only=True), "jobs": [0, 1, 1]}, path)


def name_no_jobs(path: Path) -> None:
    torch.save({**torch.load(path, weights_only=True), "jobs": []}, path)


@pytest.mark.parametrize("change", [spoil, exchange, name_other_jobs, name_jobs_twice, name_no_jobs])
def test_what_is_no_checkpoint_of_the_stack_is_passed_over(
    change: Callable[[Path], None], sweep: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    whole = sweep(LINES, "whole")
    with pytest.raises(CutShort):
        sweep(LINES, "parted", stop=30)
    change(whole.with_name("parted") / "stacks" / "0.ckpt")
    parted = sweep(LINES, "parted")
    assert capsys.readouterr().err == ""
    assert [differences(whole / str(job), parted / str(job)) for job in range(3)] == [[], [], []]
    assert not list(parted.glob("stacks/*.ckpt"))


def test_a_stack_whose_table_was_edited_begins_anew(
    sweep: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "table.csv"
    of_table = ["data=table", f"data.path={table}", "data.features=[a]", "data.target=b", "trainer.max_steps=60"]
    jobs = [["model=linear", *of_table, *EVERY, f"seed={seed}"] for seed in (1, 2)]
    table.write_text("a,b\n1,2\n2,4\n3,5\n")
    with pytest.raises(CutShort):
        sweep(jobs, "parted", stop=30)
    table.write_text("a,b\n1,2\n2,4\n3,9\n")
    whole, parted = sweep(jobs, "whole"), sweep(jobs, "parted")
    assert capsys.readouterr().err == ""
    assert [differences(whole / str(job), parted / str(job)) for job in range(2)] == [[], []]


def test_a_stack_of_other_shapes_begins_anew(sweep: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CutShort):
        sweep([[*SHORT, "model=relu_net", f"seed={seed}"] for seed in (1, 2, 3)], "parted", stop=30)
    sweep(LINES, "parted")
    assert capsys.readouterr().err == ""


def test_jobs_without_checkpoints_leave_none_on_the_way(sweep: Callable[..., Path]) -> None:
    bare = [word for word in SHORT if not word.startswith("callbacks.checkpoint")]
    folder = sweep([[*bare, "~callbacks.checkpoint", f"seed={seed}"] for seed in (1, 2)], "bare")
    assert not list(folder.glob("stacks/*.ckpt"))


def test_a_stack_that_has_begun_stays_together_and_the_others_are_divided(
    make_jobs: MakeJobs, sweep: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(CutShort):
        sweep(LINES, "parted", stop=30)
    jobs = make_jobs([[*SHORT, f"seed={seed}"] for seed in range(103)])
    stacks, others = begun(jobs, tmp_path / "parted")
    assert [[job.number for job in stack] for stack in stacks] == [[0, 1, 2]]
    assert [job.number for job in others] == list(range(3, 103))
    pieces = cut([Group(jobs, None)], tmp_path / "parted", num_workers=2, leaves_folders=True)
    assert [[job.number for job in piece.jobs] for piece in pieces] == [
        [0, 1, 2],
        list(range(3, 53)),
        list(range(53, 103)),
    ]


def test_a_stack_of_which_a_member_has_ended_begins_anew(
    make_jobs: MakeJobs, sweep: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(CutShort):
        sweep(LINES, "parted", stop=30)
    jobs = make_jobs(LINES)
    assert begun(jobs[1:], tmp_path / "parted") == ([], jobs[1:])


def test_what_nobody_goes_on_with_is_forgotten(sweep: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(CutShort):
        sweep(LINES, "parted", stop=30)
    folder = tmp_path / "parted"
    (folder / "stacks" / "7.ckpt").write_bytes(b"of something else")
    forget(folder, {1, 9})
    assert [path.name for path in folder.glob("stacks/*")] == ["0.ckpt"]
    forget(folder, {9})
    assert not list(folder.glob("stacks/*"))


def test_checkpoints_are_written_in_a_twentieth_of_the_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(stack_checkpoint.time, "monotonic", lambda: clock.now)
    steps = []

    def save(path: Path) -> None:
        steps.append(trainer.global_step)
        clock.now += 3.0

    trainer = Mock(spec=Trainer, max_steps=200, should_stop=False, save_checkpoint=save)
    checkpoint = StackCheckpoint(every=1, seconds=5.0, numbers=[0], sweep=tmp_path)
    for step in range(201):
        trainer.global_step = step
        checkpoint.look(trainer, Mock(), step)
        clock.now += 1.0
    assert steps == [5, 65, 125, 185]
