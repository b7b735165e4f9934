"""`report.py`: one self-contained HTML file over a sweep, a run, or several of either."""

from collections.abc import Sequence
from pathlib import Path

from descentlab.commands.entry import run
from descentlab.commands.run_folder import run_folder
from descentlab.errors import InputError
from descentlab.extras import need
from descentlab.settings.command_line import read_arguments

HELP = """
python scripts/report.py sweep=<sweep folder>
python scripts/report.py run=<run folder>
python scripts/report.py sweep=<folder>,<folder> run=<folder> to=<file>

Writes report.html into the folder, or for several folders to the file that to=
names: one file that opens offline.
"""


def main() -> None:
    """Run the command line."""
    run(_report, HELP)


def _report(arguments: Sequence[str]) -> None:
    given = read_arguments(arguments, {"sweep": str, "run": str, "to": str})
    sweeps, runs = (_folders(given.get(key, "")) for key in ("sweep", "run"))
    if not sweeps and not runs:
        raise InputError("sweep, run: expected a folder, got none; type sweep=<folder> or run=<folder>")
    if len(sweeps) + len(runs) > 1 and "to" not in given:
        raise InputError("to: expected the file to write for several folders, got none; type to=comparison.html")
    runs = [run_folder(str(folder)) for folder in runs]
    for folder in (*sweeps, *runs):
        if not folder.is_dir():
            raise InputError(f"sweep, run: there is no folder {folder}.")
    need("plotly", "report")
    to = Path(given["to"]) if "to" in given else (*sweeps, *runs)[0] / "report.html"
    if not to.parent.is_dir():
        raise InputError(f"to: there is no folder {to.parent}.")
    from descentlab.reports.html.write import write_report  # torch is imported now, not to say no
    from descentlab.reports.study import read_study

    study = read_study(sweeps, runs)
    try:
        write_report(study, to)
    except OSError as error:
        raise InputError(f"to: {to} cannot be written ({error.strerror}).") from error
    print(to)


def _folders(text: str) -> list[Path]:
    """The folders that a comma lies between; a folder whose own name has a comma is one."""
    if not text or Path(text).is_dir():
        return [Path(text)] if text else []
    return [Path(part) for part in text.split(",") if part]
