"""A sweep cut into pieces, each of which one worker trains: as one stack, or job by job."""

import gc
import shutil
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from omegaconf import DictConfig
from tqdm import tqdm

from descentlab.engines.record import CannotRecord
from descentlab.errors import InputError, WriteError
from descentlab.runs.assemble import assemble
from descentlab.runs.files import writing
from descentlab.runs.result import Result
from descentlab.runs.train import train
from descentlab.sweeps.compose import Job
from descentlab.sweeps.extract import extract
from descentlab.sweeps.grouping import Group
from descentlab.sweeps.hydra_job import as_job, hydra_of_sweep
from descentlab.sweeps.interruption import end_stopped
from descentlab.sweeps.memory import most_members
from descentlab.sweeps.outcomes import ended_among
from descentlab.sweeps.pruning import StackPruning, judge_here, pruning_of
from descentlab.sweeps.stack import train_stack
from descentlab.sweeps.stack_checkpoint import begun
from descentlab.sweeps.stacked_module import Member, shapes_of

WORTH_A_WORKER = 50
"""Members below which a stack is not divided: starting a worker takes as long as some of them."""


@dataclass(frozen=True)
class Piece:
    """Jobs for one worker; plain values, so that it can be sent anywhere.

    Attributes:
        jobs: of one group.
        reason: why they cannot be stacked, so that each runs alone; None for a stack.
        sweep: folder of the sweep, which all workers see.
        leaves_folders: whether a stack gives each job its folder.
        num_workers: how many share this machine's memory.
        hydra: what `HydraConfig` is to show of the sweep within a job; None outside Hydra.
    """

    jobs: list[Job]
    reason: str | None
    sweep: Path
    leaves_folders: bool
    num_workers: int
    hydra: DictConfig | None = None


Results = dict[int, Result | None]
"""Of jobs by their numbers; None for a job that broke down."""

Workers = Callable[[Sequence[Piece]], Iterable[Results]]
"""Where pieces are trained: gives the results of each as it ends, in any order."""


def cut(groups: Sequence[Group], sweep: Path, *, num_workers: int, leaves_folders: bool) -> list[Piece]:
    """Pieces of equal size, as many of each group as there are workers, if its jobs are worth dividing; each stack
    that has begun is one of its own."""
    pieces = []
    hydra = hydra_of_sweep(sweep)
    for group in groups:
        parts, jobs = begun(group.jobs, sweep) if group.reason is None else ([], group.jobs)
        smallest = 1 if group.reason is not None else WORTH_A_WORKER
        count = min(len(jobs), max(1, min(num_workers, len(jobs) // smallest)))
        parts += [jobs[k * len(jobs) // count : (k + 1) * len(jobs) // count] for k in range(count)]
        pieces += [Piece(part, group.reason, sweep, leaves_folders, num_workers, hydra) for part in parts]
    return pieces


def run_piece(piece: Piece) -> Results:
    """Train the jobs of a piece; one that fails, fails alone.

    A piece that was cut short can be run again, here or elsewhere: jobs that have ended are left as they are.

    Raises:
        WriteError: the disk takes no more, so that no other job could leave anything either.
    """
    ended = ended_among(piece.jobs, piece.sweep)
    if piece.leaves_folders:
        extract([job for job in piece.jobs if job.number in ended], piece.sweep)
    waiting = [job for job in piece.jobs if job.number not in ended]
    return {**ended, **_train(replace(piece, jobs=waiting))} if waiting else {**ended}


def _train(piece: Piece) -> Results:
    if piece.reason is not None or len(piece.jobs) == 1:
        return _run_each(piece.jobs, piece)
    stacks, jobs = begun(piece.jobs, piece.sweep)
    most = _most_members(piece)
    stacks += [jobs[start : start + most] for start in range(0, len(jobs), most)]
    results: Results = {}
    for stack in stacks:
        results |= _run_stacked(stack, piece)
    return results


def _most_members(piece: Piece) -> int:
    for job in piece.jobs:
        with suppress(Exception):  # of a job that fails, which says so where it is trained
            return most_members(job.settings, piece.num_workers)
    return len(piece.jobs)


def _run_stacked(jobs: Sequence[Job], piece: Piece) -> Results:
    results: Results = {}
    by_shape: dict[object, list[tuple[Job, Member]]] = {}
    for job in jobs:
        try:
            with as_job(job, piece.sweep, piece.hydra):
                data, module = assemble(job.settings)
        except Exception:
            results[job.number] = _run_alone(job, piece)  # which says what is wrong with it
            continue
        member = Member(module, data, job.settings["trainer"]["max_steps"])
        by_shape.setdefault(shapes_of(data), []).append((job, member))
    too_many: list[list[Job]] = []
    for pairs in by_shape.values():
        together = [job for job, _ in pairs]
        try:
            results |= _train_stack(together, [member for _, member in pairs], piece)
        except WriteError:
            raise
        except torch.OutOfMemoryError:
            too_many.append(together)
        except Exception as why:
            print(f"jobs run alone: {_reason(why)} ({listed(together)})", file=sys.stderr)
            results |= _run_each(together, piece)
    for together in too_many:  # now that nothing refers to their stack any more
        results |= _run_in_halves(together, piece)
    return results


def _run_in_halves(jobs: Sequence[Job], piece: Piece) -> Results:
    """Train jobs whose stack asks for more memory than its device has, as two; a single one alone."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if len(jobs) == 1:
        return _run_each(jobs, piece)
    print(f"jobs trained as two stacks: the device has no room for one ({listed(jobs)})", file=sys.stderr)
    middle = len(jobs) // 2
    return {**_run_stacked(jobs[:middle], piece), **_run_stacked(jobs[middle:], piece)}


def _train_stack(jobs: Sequence[Job], members: Sequence[Member], piece: Piece) -> Results:
    with as_job(jobs[0], piece.sweep, piece.hydra):
        judge = judge_here()
    more = [] if judge is None else [StackPruning([job.number for job in jobs], members, judge)]
    trained = train_stack(
        jobs, members, piece.sweep, leaves_folders=piece.leaves_folders, more=more, is_resumable=judge is None
    )
    return {job.number: result for job, result in zip(jobs, trained, strict=True)}


def _reason(why: Exception) -> str:
    """Why there is no stack of jobs, in a few words; one that breaks down takes none of them along."""
    line = next(iter(str(why).splitlines()), "")
    known = isinstance(why, CannotRecord | InputError)
    return line if known else f"their stack broke down with {type(why).__name__}: {line}".removesuffix(": ")


def _run_each(jobs: Sequence[Job], piece: Piece) -> Results:
    """Run jobs one after the other, with a bar over them where a run would have one."""
    is_shown = len(jobs) > 1 and sys.stderr.isatty() and "progress" in jobs[0].settings["callbacks"]
    shown = tqdm(jobs, unit=" jobs", delay=1.0, leave=False, dynamic_ncols=True, disable=not is_shown)
    return {job.number: _run_alone(job, piece) for job in shown}


def _run_alone(job: Job, piece: Piece) -> Result | None:
    """Run one job as `train.py` would."""
    folder = piece.sweep / str(job.number)
    shutil.rmtree(folder, ignore_errors=True)  # of a job cut short
    with writing(folder):
        folder.mkdir()
        if job.hydra_files is not None:
            job.hydra_files.write(folder, folder)
    try:
        with as_job(job, piece.sweep, piece.hydra):
            result = train(job.settings, folder, warns=False, callbacks=pruning_of(job))
    except WriteError:
        raise
    except InputError as error:
        print(f"job {job.number} failed: {error}", file=sys.stderr)
    except torch.OutOfMemoryError as error:
        line = str(error).splitlines()[0]
        print(f"job {job.number} failed: the device has no room for it ({line}); type trainer=cpu", file=sys.stderr)
    except Exception:
        print(f"job {job.number} failed:\n{traceback.format_exc()}", file=sys.stderr)
    else:
        if result.interrupted_by is not None:
            end_stopped(result.interrupted_by, piece.sweep)
        return result
    return None


def listed(jobs: Sequence[Job]) -> str:
    """The numbers of a few jobs, and how many there are beside."""
    more = f" and {len(jobs) - 5} more" if len(jobs) > 5 else ""
    return f"job {', '.join(str(job.number) for job in jobs[:5])}{more}"
