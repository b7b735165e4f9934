"""What a report is about: the jobs of sweeps and runs, read back from their folders."""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from descentlab.errors import InputError
from descentlab.processes import as_called
from descentlab.reports.names import short_name
from descentlab.runs.hyperparameters import hyperparameters
from descentlab.runs.result import made_with, read_result
from descentlab.settings.compose import read_settings
from descentlab.settings.flat import flatten
from descentlab.settings.resolvers import sweep_name
from descentlab.sweeps.ledger import read_jobs
from descentlab.sweeps.outcomes import outcomes_in
from descentlab.sweeps.record import load_texts, records_in
from descentlab.sweeps.table import Outcome, has_failed, is_repetition, varied

FOLDER = "folder"
"""The setting by which a comparison tells its parts."""

_WHERE_IT_LIES = ("hydra.sweep.dir=", "hydra.sweep.subdir=", "hydra.run.dir=", "resume=")


@dataclass(frozen=True)
class Job:
    """One job of a sweep, or a lone run.

    Attributes:
        label: its number in its sweep, after the sweep's name where there are several.
        values: what was set for it and may differ from the others, by key: numbers, else text.
        settings: all of it, nested.
        status: as in `result.json`.
        num_steps: gradient updates made; None for a job that broke down.
        metrics: the final ones, `train/loss`, …
        coefficients: the final ones, for a model with few.
        folder: of the job; it need not be there.
    """

    label: str
    values: dict[str, Any]
    settings: dict[str, Any]
    status: str
    num_steps: int | None
    metrics: dict[str, float]
    coefficients: dict[str, float]
    folder: Path

    @property
    def loss(self) -> float:
        """The final loss: `val/loss`, else `train/loss`; nan for none."""
        return self.metrics.get("val/loss", self.metrics.get("train/loss", math.nan))

    @property
    def fails_above(self) -> float | None:
        """Where its `train/mse` ends above this, it counts as failed; None: it has no such bound."""
        bound: float | None = self.settings["sweep"]["fails_above"]
        return bound

    @property
    def has_failed(self) -> bool:
        """Whether it counts as failed, as in `summary.csv`: it did not end by itself, or above its bound."""
        return has_failed(self.status, self.metrics, self.fails_above)

    @property
    def rank(self) -> float:
        """What jobs are sorted by, the best first: the loss; those without one come last."""
        return math.inf if math.isnan(self.loss) else self.loss


@dataclass(frozen=True)
class Study:
    """Jobs to be reported together.

    Attributes:
        name: for the title.
        folders: of the sweeps and runs it was read from.
        commands: that repeat them.
        jobs: of all.
        made_with: versions, threads and engine, as far as a result says so.
    """

    name: str
    folders: list[Path]
    commands: list[str]
    jobs: list[Job]
    made_with: dict[str, str]

    @cached_property
    def loss_name(self) -> str:
        """The metric that jobs are ranked by."""
        return "val/loss" if any("val/loss" in job.metrics for job in self.jobs) else "train/loss"

    @cached_property
    def varied(self) -> list[str]:
        """The keys whose values differ between the jobs, seeds and folds among them."""
        keys = dict.fromkeys(key for job in self.jobs for key in job.values)
        return [key for key in keys if len({job.values.get(key) for job in self.jobs}) > 1]

    @cached_property
    def swept(self) -> list[str]:
        """The varied keys but seeds and folds, and in a comparison without those that say no more than the folder."""
        keys = [key for key in self.varied if not is_repetition(key)]
        if FOLDER not in keys:
            return keys
        return [FOLDER, *(key for key in keys if key != FOLDER and self._varies_within_a_folder(key))]

    def _varies_within_a_folder(self, key: str) -> bool:
        pairs = {(job.values[FOLDER], job.values.get(key)) for job in self.jobs}
        return len(pairs) > len({folder for folder, _ in pairs})

    def title_of(self, job: Job) -> str:
        """What tells a job from the others: its swept values, its seeds and its fold."""
        names = [key for key in self.varied if (key in self.swept or is_repetition(key)) and key in job.values]
        return ", ".join(f"{short_name(key, self.varied)} {job.values[key]}" for key in names)

    def grouped(self, keys: Sequence[str]) -> dict[tuple[Any, ...], list[Job]]:
        """The jobs by their values of these keys, in the order of the values."""
        groups: dict[tuple[Any, ...], list[Job]] = {}
        for job in self.jobs:
            groups.setdefault(tuple(job.values.get(key) for key in keys), []).append(job)
        return dict(sorted(groups.items(), key=lambda item: [in_order(value) for value in item[0]]))


def in_order(value: Any) -> tuple[int, float, str]:
    """A key that sorts numbers by size, before texts by the alphabet."""
    is_number = isinstance(value, int | float)
    return (0, float(value), "") if is_number else (1, 0.0, str(value))


def read_study(sweeps: Sequence[Path], runs: Sequence[Path]) -> Study:
    """The study of these folders together.

    Raises:
        InputError: a folder is not what it is said to be, or has not ended.
    """
    studies = [*map(_read_sweep, sweeps), *map(_read_run, runs)]
    return studies[0] if len(studies) == 1 else _together(studies)


def _read_sweep(folder: Path) -> Study:
    if not (folder / "sweep.csv").is_file():
        raise InputError(
            f"sweep: expected the folder of a sweep that has ended, got {folder}, which has no sweep.csv; "
            "a run's folder is given as run=…, a sweep cut short goes on with resume=…"
        )
    try:
        jobs = [_job_of(outcome, folder) for outcome in outcomes_in(folder, read_jobs(folder))]
    except InputError as error:
        raise InputError(f"sweep: {error}") from error
    if not jobs:
        raise InputError(f"sweep: {folder}: expected at least one job, got none.")
    launched = _read_launch(folder / "multirun.yaml")
    name = sweep_name(str(jobs[0].settings.get("name", folder.name)), _typed(launched, "task"))
    return Study(name, [folder], _command(launched), jobs, _made_in(folder, jobs))


def _job_of(outcome: Outcome, folder: Path) -> Job:
    job, result = outcome.job, outcome.result
    flat = flatten(job.settings)
    return Job(
        label=str(job.number),
        values={key: flat[key] if _is_plain(flat.get(key)) else _number(text) for key, text in varied(job).items()},
        settings=job.settings,
        status="failed" if result is None else result.status,
        num_steps=None if result is None else result.num_steps,
        metrics={} if result is None else result.metrics,
        coefficients={} if result is None else result.coefficients,
        folder=folder / str(job.number),
    )


def _made_in(folder: Path, jobs: Sequence[Job]) -> dict[str, str]:
    """What made the first job that says so."""
    texts = chain(
        (_result_text(job.folder) for job in jobs), (t for p in records_in(folder) for t in load_texts(p).values())
    )
    return next((found for text in texts if (found := made_with(text))), {})


def _read_run(folder: Path) -> Study:
    settings = read_settings(folder / "config.yaml")
    result = read_result(folder)
    if result is None:
        raise InputError(
            f"run: expected the folder of a run that has ended, got {folder}, which has no result.json; "
            f"python scripts/train.py run={folder} goes on with it."
        )
    job = Job(
        label="0",
        values=hyperparameters(settings),
        settings=settings,
        status=result.status,
        num_steps=result.num_steps,
        metrics=result.metrics,
        coefficients=result.coefficients,
        folder=folder,
    )
    return Study(str(settings["name"]), [folder], [], [job], made_with(_result_text(folder)))


def _together(studies: Sequence[Study]) -> Study:
    """Studies side by side: the folder counts as one more setting, and so does whatever differs."""
    names = names_apart([study.folders[0] for study in studies])
    jobs = []
    keys = {key for study in studies for job in study.jobs for key in job.values}
    for name, study in zip(names, studies, strict=True):
        for job in study.jobs:
            values = {key: value for key, value in hyperparameters(job.settings).items() if key in keys}
            label = name if len(study.jobs) == 1 else f"{name}/{job.label}"
            values = {FOLDER: name, **values, **job.values}
            jobs.append(replace(job, label=label, values=values))
    return Study(
        name=" and ".join(dict.fromkeys(study.name for study in studies)),
        folders=[folder for study in studies for folder in study.folders],
        commands=[command for study in studies for command in study.commands],
        jobs=jobs,
        made_with=studies[0].made_with,
    )


def names_apart(folders: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that tell them apart."""
    paths = [folder.resolve().parts for folder in folders]
    for count in range(1, max(map(len, paths)) + 1):
        names = ["/".join(parts[-count:]) for parts in paths]
        if len(set(names)) == len(names):
            return names
    raise InputError("sweep, run: expected different folders, got one of them twice.")


def _read_launch(path: Path) -> dict[str, Any]:
    """What Hydra wrote of a sweep's launch; nothing where it is not there."""
    try:
        launched = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return launched if isinstance(launched, dict) else {}


def _command(launched: Mapping[str, Any]) -> list[str]:
    if "hydra" not in launched:
        return []
    left_out = (*_WHERE_IT_LIES, "hydra.mode=")  # which -m stands for
    kept = [text for text in (*_typed(launched, "hydra"), *_typed(launched, "task")) if not text.startswith(left_out)]
    return [f"{as_called('python scripts/train.py')} {shlex.join(['-m', *kept])}"]


def _typed(launched: Mapping[str, Any], kind: str) -> list[str]:
    """The overrides of a launch: of the `task`, or of `hydra`."""
    return [str(text) for text in ((launched.get("hydra") or {}).get("overrides") or {}).get(kind) or []]


def _result_text(folder: Path) -> str:
    try:
        return (folder / "result.json").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _is_plain(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)


def _number(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text
