"""What a multirun ends with: its tables, the summary, best first, and the command that runs the best job again."""

import shlex
import sys
from pathlib import Path
from typing import Any

from descentlab.commands.background import add_to_boards_in_background
from descentlab.commands.entry import goes_on, stop_unwritten
from descentlab.errors import WriteError
from descentlab.processes import as_called
from descentlab.reports.table import summary_table
from descentlab.reports.tensorboard.summary_run import write_summary_run
from descentlab.runs.files import writing
from descentlab.sweeps.ledger import ledger_of
from descentlab.sweeps.outcomes import outcomes_in
from descentlab.sweeps.shown import shown, write_shown
from descentlab.sweeps.stack_checkpoint import forget
from descentlab.sweeps.table import best_of, summary_rows, sweep_rows, write_table


def conclude(folder: Path) -> None:
    """Write the tables of a sweep and print what came of it; exit with 1 if jobs broke down, with 4 if the disk
    takes no tables.

    Args:
        folder: of the sweep, absolute.
    """
    jobs = ledger_of(folder).jobs
    outcomes = outcomes_in(folder, jobs)
    failed = [outcome.job.number for outcome in outcomes if outcome.result is None]
    summary = summary_rows(outcomes)
    has_board = len(jobs) > 1 and jobs[0].settings["logger"].get("tensorboard") is not None
    try:
        with writing(folder):
            write_shown(outcomes, folder)
            write_table(folder / "sweep.csv", sweep_rows(outcomes, folder))
            write_table(folder / "summary.csv", summary)
            if has_board:
                write_summary_run(outcomes, folder)
            forget(folder, set(failed))
    except WriteError as error:
        stop_unwritten(error, goes_on(folder))
    if has_board and jobs[0].settings["figures"]:
        add_to_boards_in_background([folder / str(outcome.job.number) for outcome in shown(outcomes)])
    print(summary_table([{key: _brief(value) for key, value in row.items()} for row in summary]))
    print(f"folder  {folder}")
    print(f"report  {as_called('python scripts/report.py')} {shlex.quote(f'sweep={folder}')}")
    if (best := best_of(outcomes)) is not None:
        print(f"best    job {best.job.number}: {best.job.command}")
    if failed:
        print(f"failed: {len(failed)} of {len(outcomes)} jobs: {', '.join(map(str, failed))}", file=sys.stderr)
        sys.exit(1)


def _brief(value: Any) -> Any:
    """A swept real number in six digits, as the losses beside it; anything else as it is."""
    if not isinstance(value, str) or value.isdecimal():
        return value
    try:
        return min(value, f"{float(value):.6g}", key=len)
    except ValueError:
        return value
