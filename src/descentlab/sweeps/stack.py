"""Jobs of one group as one training run, and the folders that lone runs would have left."""

import time
from collections.abc import Sequence
from pathlib import Path

from descentlab.callbacks.steps import StepCallback
from descentlab.runs.assemble import rows_every
from descentlab.runs.outcome import outcome_of
from descentlab.runs.result import Result
from descentlab.sweeps.compose import Job
from descentlab.sweeps.fit import fit_stack
from descentlab.sweeps.job_folder import write_job
from descentlab.sweeps.record import record_of, save_record
from descentlab.sweeps.stack_checkpoint import StackCheckpoint
from descentlab.sweeps.stacked_module import Member


def train_stack(
    jobs: Sequence[Job],
    members: Sequence[Member],
    sweep: Path,
    *,
    leaves_folders: bool = True,
    more: Sequence[StepCallback] = (),
    is_resumable: bool = True,
) -> list[Result]:
    """Train jobs that agree in all but their values as one, and leave their record, and each one's folder.

    Args:
        jobs: of one group of `descentlab.sweeps.grouping`.
        members: the jobs assembled, with as many points each.
        sweep: folder of the sweep.
        leaves_folders: False leaves the record alone, from which `write_job` makes any job's folder.
        more: callbacks that look at the stack as well.
        is_resumable: whether a stack that is stopped or killed can go on from a checkpoint, where the jobs write some.

    Returns:
        The result of each job.

    Raises:
        CannotRecord: they cannot be stacked, with the reason; nothing has been written.
    """
    began = time.perf_counter()
    settings = jobs[0].settings
    validation = settings["callbacks"].get("validation")
    checkpoint = _checkpoint(jobs, sweep) if is_resumable else None
    fitted = fit_stack(
        members,
        history_every=rows_every(settings),
        validation_every=validation["every"] if validation is not None else None,
        show_progress="progress" in settings["callbacks"],
        engine=settings["trainer"]["engine"],
        accelerator=settings["trainer"]["accelerator"],
        more=more,
        checkpoint=checkpoint,
    )
    share = (time.perf_counter() - began) / len(jobs)
    stack = fitted.module.stack
    results = [
        outcome_of(
            member.module,
            member.data,
            status="diverged" if stack.diverged[k] else "pruned" if member.module.pruned else "completed",
            num_steps=int(stack.steps[k]),
            seconds={"setup": 0.0, "training": share},
            engine="native" if stack.name == "native" else "stacked",
            folder=sweep / str(job.number),
        )
        for k, (job, member) in enumerate(zip(jobs, members, strict=True))
    ]
    record = record_of(fitted, [job.number for job in jobs], results)
    save_record(record, sweep)
    if leaves_folders:
        for k, (job, member) in enumerate(zip(jobs, members, strict=True)):
            write_job(record, k, job, member.module, member.data, results[k].folder)
    if checkpoint is not None:
        checkpoint.path.unlink(missing_ok=True)
    return results


def _checkpoint(jobs: Sequence[Job], sweep: Path) -> StackCheckpoint | None:
    """As the jobs write theirs when they run alone."""
    spec = jobs[0].settings["callbacks"].get("checkpoint")
    if spec is None:
        return None
    return StackCheckpoint(spec["every"], spec["seconds"], [job.number for job in jobs], sweep)
