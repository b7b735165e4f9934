"""The jobs of a sweep, composed, checked and noted before any of them is trained."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from descentlab.errors import InputError
from descentlab.runs.folders import take_away
from descentlab.sweeps.compose import Job, compose_jobs
from descentlab.sweeps.ledger import Ledger, ledger_of, read_jobs


def plan(
    loader: ConfigLoader, sweep: DictConfig, overrides: Sequence[Sequence[str]], first: int, *, is_whole: bool
) -> list[Job]:
    """Compose and check jobs and note them in the sweep's folder.

    With `check=true` the process ends here. A sweep of which nothing was trained leaves no folder.

    Args:
        loader: Hydra's, of this application.
        sweep: the sweep's config.
        overrides: of each job.
        first: the number of the first job.
        is_whole: these are all jobs of the sweep, so one that is resumed has as many.

    Raises:
        InputError: a job cannot be run, or differs from what it was launched with.
    """
    folder = folder_of(sweep)
    with leaving_nothing(sweep, first):
        jobs = compose_jobs(loader, sweep, overrides, first)
        ledger = _ledger(folder, resumes=sweep.resume is not None)
        if is_whole and ledger.jobs and len(ledger.jobs) != len(jobs):
            raise InputError(
                f"resume: expected the {len(ledger.jobs)} jobs of {folder}, got {len(jobs)}; "
                "type the values that were swept when it was launched, which its multirun.yaml has. Further values are "
                f"a sweep of their own: python scripts/report.py sweep={folder},<folder> to=<file> shows both."
            )
        if sweep.check:
            print(f"{len(jobs)} job{'s' if len(jobs) > 1 else ''} can be run")
            raise SystemExit(0)
        if first == 0 and sweep.resume is None:
            OmegaConf.save(sweep, folder / "multirun.yaml")  # as Hydra's own sweeper does
        ledger.note(jobs)
        return jobs


def rehearse(loader: ConfigLoader, sweep: DictConfig, overrides: Sequence[Sequence[str]]) -> None:
    """Compose and check jobs that stand for others, which are not known yet; with `check=true` the process
    ends here.

    Raises:
        InputError: a job cannot be run, or there is no sweep to resume.
    """
    _ledger(folder_of(sweep), resumes=sweep.resume is not None)
    compose_jobs(loader, sweep, overrides, first=0)
    if sweep.check:
        print(f"jobs can be run: {len(overrides)} at the ends of what is searched")
        raise SystemExit(0)


@contextmanager
def leaving_nothing(sweep: DictConfig, first: int = 0) -> Iterator[None]:
    """Take the sweep's folder away if it ends in here: it was made for this sweep alone, and nothing was trained.

    Args:
        sweep: the sweep's config.
        first: the number of the first job that is planned in here; others have been trained before it.
    """
    try:
        yield
    except (InputError, HydraException, SystemExit, OSError):
        if sweep.resume is None and first == 0:
            take_away(folder_of(sweep))
        raise


def planned(loader: ConfigLoader, sweep: DictConfig, overrides: Sequence[Sequence[str]], first: int) -> list[Job]:
    """The jobs that a launcher is to train, as the sweeper has noted them; a sweeper that knows nothing of
    the ledger has its jobs planned now."""
    ledger = ledger_of(folder_of(sweep))
    numbers = range(first, first + len(overrides))
    if ledger.noted.issuperset(numbers):
        return ledger.jobs[numbers.start : numbers.stop]
    return plan(loader, sweep, overrides, first, is_whole=False)


def folder_of(sweep: DictConfig) -> Path:
    """The folder of a sweep."""
    return Path(sweep.hydra.sweep.dir).resolve()


def _ledger(folder: Path, resumes: bool) -> Ledger:
    if resumes:
        try:
            read_jobs(folder)
        except InputError as error:
            raise InputError(f"resume: {error}") from error
    return ledger_of(folder)
