"""What a multirun prints: the summary, best first, and the command that runs the best job again."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from descentlab.reports.table import summary_table
from descentlab.runs.folders import take_away
from descentlab.sweeps.compose import Job
from descentlab.sweeps.launch import launch
from descentlab.sweeps.table import Outcome, best_of, summary_rows


def run_sweep(config: DictConfig, jobs: Sequence[Job]) -> None:
    """Train the jobs of a multirun and print what came of them; exit with 1 if any broke down.

    With `check=true` nothing is trained, and the folder is taken away again.
    """
    folder = Path(config.hydra.sweep.dir)
    if jobs[0].settings["check"]:
        take_away(folder)
        print(f"{len(jobs)} jobs can be run")
        return
    outcomes = launch(jobs, folder)
    print(summary_table(summary_rows(outcomes, jobs[0].settings["sweep"]["fails_above"])))
    print(f"folder  {folder}")
    if (best := best_of(outcomes)) is not None:
        print(f"best    job {best.job.number}: {command_of(best)}")
    failed = [outcome.job.number for outcome in outcomes if outcome.result is None]
    if failed:
        print(f"failed: {len(failed)} of {len(outcomes)} jobs: {', '.join(map(str, failed))}", file=sys.stderr)
        sys.exit(1)


def command_of(outcome: Outcome) -> str:
    """The command that runs a job again, alone."""
    overrides = list(outcome.job.overrides)
    if any(text.startswith("experiment=") for text in overrides):
        overrides.append("hydra.mode=RUN")
    return shlex.join(["python", "scripts/train.py", *overrides])
