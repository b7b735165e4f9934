"""A run's result as a short table for the terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from descentlab.reports.names import short_name, shortened
from descentlab.runs.gradients import StartGradients
from descentlab.runs.result import Result

WIDTH = 80
"""Columns of a terminal that every table fits in; only a path may be longer, for a broken one cannot be used."""
_NARROWEST = 7
_GAP = "  "


def result_table(result: Result, hint: str | None = None) -> str:
    """Status, steps, losses, coefficients beside the true ones, and the folder, in 80 columns.

    Args:
        result: of the run.
        hint: what to try next, for a run that did not go well.
    """
    rows = [
        ("status", result.status),
        ("steps", f"{result.num_steps}"),
        *((name, f"{value:.6g}") for name, value in result.metrics.items()),
        *(
            (name, _coefficient(value, result.true_coefficients.get(name)))
            for name, value in result.coefficients.items()
        ),
    ]
    longest = WIDTH - 2 - max(len(value) for _, value in rows)
    rows = [(shortened(name, longest), value) for name, value in rows]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    folder = _near(result.folder)
    row = f"{'folder':<{width}}  {folder}"
    lines += [row] if len(row) <= WIDTH else ["folder", f"  {folder}"]
    return "\n".join(lines if hint is None else [*lines, f"{'try':<{width}}  {hint}"])


def _coefficient(value: float, true: float | None) -> str:
    return f"{value:.6g}" if true is None else f"{value:<12.6g} (true {true:g})"


def _near(folder: Path) -> Path:
    """A folder as seen from here, where it lies below."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def gradient_table(gradients: StartGradients) -> str:
    """The gradients side by side, and how far the others are from autograd's."""
    ways = {"difference": gradients.forward_difference, "autograd": gradients.autograd}
    if gradients.analytic is not None:
        ways["analytic"] = gradients.analytic
    width = max(len("parameter"), *map(len, gradients.names))
    others = [way for way in ways if way != "autograd"]
    header = "".join(f"{way:>14}" for way in ways) + "".join(f"{way[:4] + ' - auto':>14}" for way in others)
    lines = [f"{'parameter':<{width}}{header}"]
    for k, name in enumerate(gradients.names):
        values = "".join(f"{float(way[k]):>14.4f}" for way in ways.values())
        gaps = "".join(f"{float(ways[way][k] - gradients.autograd[k]):>14.2e}" for way in others)
        lines.append(f"{name:<{width}}{values}{gaps}")
    return "\n".join(lines)


def summary_table(rows: Sequence[Mapping[str, Any]], most: int = 20) -> str:
    """The rows of a sweep's summary in 80 columns, best first: what was varied, how many jobs, how many
    failed, and the median of the final loss. Long names and values are shortened; of settings that do not
    fit in, the last are left out.

    Args:
        rows: as `descentlab.sweeps.table.summary_rows` gives them.
        most: rows shown.
    """
    loss = "val/loss" if any("val/loss median" in row for row in rows) else "train/loss"
    fixed = ("count", "failures")
    keys = [key for key in rows[0] if key not in fixed and "failure_rate" not in key and not _is_spread(key)]
    varied = [key for key in keys if len({row.get(key) for row in rows}) > 1]
    shown = rows[:most]
    results = [_header(loss), *(_result_cells(row, loss) for row in shown)]
    settings = [[short_name(key, varied), *(str(row.get(key, "")) for row in shown)] for key in varied]
    room = WIDTH - sum(_width(column) + len(_GAP) for column in zip(*results, strict=True)) + len(_GAP)
    fitted = _fit(settings, room)
    lines = [[*(column[k] for column in fitted), *cells] for k, cells in enumerate(results)]
    widths = [_width(column) for column in zip(*lines, strict=True)]
    text = [_GAP.join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    if len(rows) > most:
        text.append(f"… {len(rows) - most} more in summary.csv")
    if len(fitted) < len(settings):
        text.append(f"… {len(settings) - len(fitted)} more settings in summary.csv")
    return "\n".join(text)


def _header(loss: str) -> list[str]:
    return ["jobs", "failed", "95 %", f"{loss} median"]


def _result_cells(row: Mapping[str, Any], loss: str) -> list[str]:
    median = row.get(f"{loss} median")
    return [
        str(row["count"]),
        f"{row['failures']} ({row['failure_rate']:.1%})",
        f"{row['failure_rate low']:.1%} to {row['failure_rate high']:.1%}",
        "" if median is None else f"{median:.6g}",
    ]


def _fit(columns: Sequence[Sequence[str]], room: int) -> list[list[str]]:
    """Columns, each with a gap behind it, within `room`: the widest is made narrower, and where all are as
    narrow as can be read, the last goes."""
    kept = [[_printable(cell) for cell in column] for column in columns]
    while kept and sum(_width(column) + len(_GAP) for column in kept) > room:
        widest = max(kept, key=_width)
        width = _width(widest) - 1
        if width < _NARROWEST:
            kept.pop()
        else:
            widest[:] = [shortened(cell, width) for cell in widest]
    return kept


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _width(column: Sequence[str]) -> int:
    return max(map(len, column))


def _is_spread(key: str) -> bool:
    return key.endswith((" mean", " std", " median", " low", " high"))
