"""`predict.py`: predictions of a run's model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from descentlab.commands.entry import run
from descentlab.commands.run_folder import run_folder
from descentlab.errors import InputError
from descentlab.settings.command_line import read_arguments

HELP = """
python scripts/predict.py run=<run folder> x=0.5
python scripts/predict.py run=<run folder> x=[0.1,0.5]
python scripts/predict.py run=<run folder> x=[[1,2],[3,4]]
python scripts/predict.py run=<run folder> csv=<file> [out=<file>]

One prediction a line. A CSV has a header with the names of the features (those
of data.features, else x, or x1, x2, … where there are several); out= writes a
CSV in place of the lines.
"""


def main() -> None:
    """Run the command line."""
    run(_predict, HELP)


def _predict(arguments: Sequence[str]) -> None:
    schema = {
        "run": str,
        "x": float | list[float] | list[list[float]],
        "csv": str,
        "out": str,
        "checkpoint": Literal["last", "best"],
    }
    given = read_arguments(arguments, schema, required=["run"])
    if ("x" in given) == ("csv" in given):
        both = "both" if "x" in given else "neither"
        raise InputError(f"x, csv: expected one of them, got {both}; type x=[0.1,0.5] or csv=<file>")
    folder = run_folder(given["run"])
    rows = _rows(given["x"]) if "x" in given else _read(Path(given["csv"]), folder)
    if len({len(row) for row in rows}) != 1 or not rows[0]:
        lengths = ", ".join(map(str, sorted({len(row) for row in rows}))) or "none"
        raise InputError(
            f"x: expected at least one sample, and rows of one length, got {lengths}; type x=[[1,2],[3,4]]"
        )
    import torch  # imported now, not to say no

    from descentlab.runs.files import write_whole
    from descentlab.runs.judge import predict

    values = predict(folder, torch.tensor(rows, dtype=torch.get_default_dtype()), given.get("checkpoint", "last"))
    lines = [f"{value:.7g}" for value in values]
    if "out" in given:
        try:
            write_whole(Path(given["out"]), "\n".join(["prediction", *lines]) + "\n")
        except (OSError, ValueError) as error:  # a path without a name is a ValueError
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"out: expected a file that can be written, got {given['out']} ({reason}).") from error
    else:
        print("\n".join(lines))


def _rows(x: Any) -> list[list[float]]:
    samples = x if isinstance(x, list) else [x]
    return [sample if isinstance(sample, list) else [sample] for sample in samples]


def _read(path: Path, folder: Path) -> list[list[float]]:
    from descentlab.data.csv_file import MissingColumnError, read_columns
    from descentlab.runs.files import file_of
    from descentlab.settings.compose import read_settings

    data = read_settings(file_of(folder, "config.yaml"))["data"]
    choices = [data["features"]] if data.get("features") else _names(data["num_features"])
    for names in choices:
        try:
            return read_columns(path, names)
        except MissingColumnError as missing:
            header = missing.header
    raise InputError(
        f"{path}: expected the columns of the run's inputs, {', '.join(choices[0])}, got {', '.join(header)}."
    )


def _names(num_features: int) -> list[list[str]]:
    """What the columns of inputs without names of their own may be called: a single one as in the pictures, too."""
    numbered = [f"x{k}" for k in range(1, num_features + 1)]
    return [["x"], numbered] if num_features == 1 else [numbered]
