"""Sweeps on a real SLURM: shared out over its nodes, preempted, failed and taken up again."""

import subprocess

import pytest

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("slurm")]

QUICK = ["hydra/launcher=submitit_slurm", "trainer.max_steps=20"]
STEPS = ["trainer.engine=recorded", "trainer.max_steps=30000", "history.every=300"]
LONG = ["hydra/launcher=submitit_slurm", *STEPS, "hydra.launcher.tasks=1"]
"""More than a second a stack: what stops a task comes after the first and before the last."""


def queue(column):
    """Of all jobs in the queue."""
    asked = ["squeue", "--noheader", "--array", f"--format={column}"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()


def test_a_task_takes_stacks_and_every_job_is_trained_once(sweep):
    # Tasks that ask for both CPUs of a node go to different nodes.
    sweep.start(*QUICK, "hydra.launcher.tasks=2", "hydra.launcher.cpus_per_task=2", "hydra.launcher.partition=debug")
    sweep.end()
    assert len(list((sweep.folder / "tasks").glob("*_submitted.pkl"))) == 2
    assert [int(path.stem) for path in sweep.stacks()] == [0, 100, 20, 40, 60, 80]
    assert sweep.statuses() == ["completed"] * 120
    assert sweep.trained() == list(range(120))


def test_a_preempted_task_is_queued_again_and_goes_on_within_its_stack(sweep, wait_for):
    sweep.start(*LONG, "callbacks.checkpoint.seconds=0.1")
    wait_for(lambda: sweep.stacks() and sweep.checkpoints())
    (job,) = queue("%i")
    before = {path: path.stat().st_mtime_ns for path in sweep.stacks()}
    # As SLURM preempts: a notice, then the signal that was asked for.
    subprocess.run(["scancel", job, "--signal=TERM"], check=True)
    subprocess.run(["scancel", job, "--signal=USR2"], check=True)
    wait_for(lambda: queue("%t") == ["PD"])
    subprocess.run(["scontrol", "update", f"jobid={job}", "StartTime=now"], check=True)  # not after two minutes
    sweep.end()
    assert {path: path.stat().st_mtime_ns for path in before} == before
    (log,) = (sweep.folder / "tasks").glob("*_log.err")
    assert log.read_text().count("goes on from step") == 1
    assert sweep.statuses() == ["completed"] * 120
    assert sweep.trained() == list(range(120))


def test_a_task_that_is_cancelled_fails_with_its_own_jobs_which_resume_trains(sweep, wait_for):
    sweep.start(*LONG)
    wait_for(sweep.stacks)
    # At once: a plain scancel leaves a task the seconds of KillWait, in which it may end.
    subprocess.run(["scancel", "--signal=KILL", "--full", *queue("%i")], check=True)
    err = sweep.end(code=1)
    assert "a worker failed with jobs 0 to 119: it left the queue without a result; see " in err
    assert 20 <= sweep.statuses().count("completed") < 120
    sweep.start("hydra/launcher=stacked", *STEPS, f"resume={sweep.folder}")
    sweep.end()
    assert sweep.statuses() == ["completed"] * 120
    assert sweep.trained() == list(range(120))
