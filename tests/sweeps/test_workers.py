"""Pieces of a sweep side by side in processes of their own."""

import errno
import multiprocessing
import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from descentlab.errors import WriteError
from descentlab.sweeps.compose import Job
from descentlab.sweeps.grouping import Group
from descentlab.sweeps.launch import launch
from descentlab.sweeps.outcomes import outcomes_in
from descentlab.sweeps.pieces import WORTH_A_WORKER, Piece, Results, cut
from descentlab.sweeps.workers import gpus_of_task, on_cores, tasks_at_a_time, workers_for

MakeJobs = Callable[[Sequence[Sequence[str]]], list[Job]]


def jobs_of(count: int, accelerator: str = "cpu") -> list[Job]:
    return [Job(number, [], {"trainer": {"accelerator": accelerator}}) for number in range(count)]


@pytest.mark.parametrize(
    ("count", "num_workers", "sizes"),
    [
        (2 * WORTH_A_WORKER - 1, 2, [2 * WORTH_A_WORKER - 1]),
        (2 * WORTH_A_WORKER, 2, [WORTH_A_WORKER] * 2),
        (1000, 3, [333, 333, 334]),
        (1000, 1, [1000]),
    ],
)
def test_a_stack_is_cut_into_as_many_pieces_as_there_are_workers_if_it_is_worth_it(
    count: int, num_workers: int, sizes: list[int]
) -> None:
    pieces = cut([Group(jobs_of(count), None)], Path(), num_workers=num_workers, leaves_folders=True)
    assert [len(piece.jobs) for piece in pieces] == sizes
    assert [job.number for piece in pieces for job in piece.jobs] == list(range(count))


def test_jobs_that_run_alone_are_shared_out_one_by_one() -> None:
    pieces = cut([Group(jobs_of(3), "why")], Path(), num_workers=2, leaves_folders=True)
    assert [len(piece.jobs) for piece in pieces] == [1, 2]


def test_workers_leave_what_one_process_leaves(make_jobs: MakeJobs, tmp_path: Path) -> None:
    stack = [["model=relu_net", "trainer.max_steps=3", f"seed={k}"] for k in range(2 * WORTH_A_WORKER)]
    jobs = make_jobs([*stack, ["model=linear", "trainer.engine=eager", "trainer.max_steps=2"]])
    for name, count in (("one", 1), ("three", 3)):
        (tmp_path / name).mkdir()
        launch(jobs, tmp_path / name, partial(on_cores, num_workers=count), count)
    one, three = (
        [(outcome.result and outcome.result.metrics) for outcome in outcomes_in(tmp_path / name, jobs)]
        for name in ("one", "three")
    )
    assert one == three
    assert len(list(tmp_path.glob("three/stacks/*"))) == 2


def test_a_worker_that_dies_takes_only_its_own_jobs_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def die_at_the_second(piece: Piece) -> Results:
        if piece.jobs[0].number == 50:
            os.kill(os.getpid(), signal.SIGKILL)
        return dict.fromkeys(job.number for job in piece.jobs)

    monkeypatch.setattr("descentlab.sweeps.workers.run_piece", die_at_the_second)
    pieces = cut([Group(jobs_of(150), None)], tmp_path, num_workers=3, leaves_folders=True)
    ended = list(on_cores(pieces, num_workers=2))
    assert sorted(number for results in ended for number in results) == list(range(150))
    assert "a worker died; jobs 50 to 99 have no result" in capsys.readouterr().err


def test_a_worker_whose_disk_takes_no_more_ends_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(piece: Piece) -> Results:
        raise WriteError(errno.ENOSPC, "No space left on device", f"{tmp_path}/{piece.jobs[0].number}")

    monkeypatch.setattr("descentlab.sweeps.workers.run_piece", fill)
    pieces = cut([Group(jobs_of(150), None)], tmp_path, num_workers=3, leaves_folders=True)
    with pytest.raises(WriteError) as failure:
        list(on_cores(pieces, num_workers=2))
    assert failure.value.errno == errno.ENOSPC
    assert failure.value.filename in (f"{tmp_path}/0", f"{tmp_path}/50")


@pytest.mark.parametrize(
    ("accelerator", "visible", "expected"), [("gpu", "3,5", 2), ("gpu", "3", 1), ("gpu", "", 4), ("cpu", "3", 4)]
)
def test_there_are_as_many_workers_as_wanted_but_no_more_than_gpus(
    accelerator: str, visible: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert workers_for(jobs_of(9, accelerator), wanted=4) == expected


def test_workers_that_outlive_a_killed_sweep_end_with_their_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outlive(piece: Piece) -> Results:
        signal.alarm(60)  # should it stay for ever
        sweep = os.getppid()
        (tmp_path / str(piece.jobs[0].number)).touch()
        while os.getppid() == sweep:
            time.sleep(0.01)
        return dict.fromkeys(range(100_000))  # more than a pipe holds that nobody reads

    monkeypatch.setattr("descentlab.sweeps.workers.run_piece", outlive)
    pieces = cut([Group(jobs_of(2), "why")], tmp_path, num_workers=2, leaves_folders=True)
    ends, held = os.pipe()  # read to its end where the last process that holds it has ended
    sweep = multiprocessing.get_context("fork").Process(target=lambda: list(on_cores(pieces, num_workers=2)))
    sweep.start()
    os.close(held)
    while len(list(tmp_path.iterdir())) < 2:
        time.sleep(0.01)
    sweep.kill()
    sweep.join()
    assert select.select([ends], [], [], 30)[0] == [ends]
    os.close(ends)


def test_jobs_that_ask_for_a_gpu_have_one_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def note_gpu(piece: Piece) -> Results:
        name = os.environ["CUDA_VISIBLE_DEVICES"]
        holder = tmp_path / name
        holder.touch(exist_ok=False)  # nobody else holds it
        time.sleep(0.2)
        holder.unlink()
        (tmp_path / f"{piece.jobs[0].number} had {name}").touch()
        return {}

    monkeypatch.setattr("descentlab.sweeps.workers.run_piece", note_gpu)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    pieces = cut([Group(jobs_of(4, "gpu"), "why")], tmp_path, num_workers=4, leaves_folders=True)
    list(on_cores(pieces, num_workers=4))
    had = sorted(path.name.split(" had ") for path in tmp_path.iterdir())
    assert [job for job, _ in had] == ["0", "1", "2", "3"]
    assert {gpu for _, gpu in had} == {"3", "5"}


def test_workers_start_from_nothing_where_cuda_is_in_use(
    make_jobs: MakeJobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    context_of = multiprocessing.get_context
    monkeypatch.setattr("multiprocessing.get_context", lambda name: started.append(name) or context_of(name))
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: True)
    jobs = make_jobs([["model=linear", "trainer.engine=eager", "trainer.max_steps=2", f"seed={k}"] for k in range(2)])
    launch(jobs, tmp_path, partial(on_cores, num_workers=2), 2)
    assert started == ["spawn"]
    assert [outcome.result.num_steps for outcome in outcomes_in(tmp_path, jobs) if outcome.result] == [2, 2]


@pytest.mark.parametrize(("accelerator", "expected"), [("gpu", 1), ("cpu", 0)])
def test_a_task_holds_a_gpu_where_its_jobs_ask_for_one(accelerator: str, expected: int) -> None:
    assert gpus_of_task(jobs_of(3, accelerator)) == expected


@pytest.mark.parametrize(
    ("there", "task", "expected"),
    [
        ({"CPU": 8.0}, {"CPU": 1.0, "GPU": 0.0}, 8),
        ({"CPU": 8.0, "GPU": 2.0}, {"CPU": 1.0, "GPU": 1.0}, 2),
        ({"CPU": 8.0, "GPU": 2.0}, {"CPU": 3.0, "GPU": 0.5}, 2),
        ({"CPU": 8.0}, {"CPU": 1.0, "GPU": 1.0}, 1),
    ],
)
def test_a_cluster_runs_as_many_tasks_as_its_scarcest_resource_takes(
    there: dict[str, float], task: dict[str, float], expected: int
) -> None:
    assert tasks_at_a_time(there, task) == expected
