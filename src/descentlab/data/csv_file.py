"""Columns of numbers from a CSV; what cannot be a number is named by its line and column."""

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from descentlab.errors import InputError, did_you_mean


class MissingColumnError(InputError):
    """A CSV's header, `header`, has not all columns that were asked for."""

    def __init__(self, path: str | Path, column: str, header: list[str]) -> None:
        super().__init__(f"{path}: there is no column {column!r}; {did_you_mean(column, header)}")
        self.header = header


def read_columns(path: str | Path, columns: Sequence[str]) -> list[list[float]]:
    """The rows of a CSV with a header line, in the order of `columns`.

    Args:
        path: the file, UTF-8, comma separated; other columns are ignored.
        columns: names in the header, at least one.

    Returns:
        One list a row, one finite number a column.

    Raises:
        MissingColumnError: the header has not all columns.
        InputError: the file cannot be read, a column is there twice, a row is empty or short, or a value is
            no finite number: with the file, the line and the column.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            try:
                return _read_rows(lines, path, columns)
            except csv.Error as error:
                raise InputError(f"{path}, line {lines.line_num}: this is not CSV ({error}).") from error
    except OSError as error:
        raise InputError(f"{path}: expected a CSV file, but it cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected text in UTF-8, but byte {error.start} is not.") from error


@runtime_checkable
class _Lines(Protocol):
    """What `csv.reader` gives: rows of text, and the number of the line that it has come to."""

    line_num: int

    def __next__(self) -> list[str]: ...

    def __iter__(self) -> Iterator[list[str]]: ...


def _read_rows(lines: _Lines, path: str | Path, columns: Sequence[str]) -> list[list[float]]:
    header = [name.strip() for name in next(lines, [])]
    if not header:
        raise InputError(f"{path}: expected a header line with the names of the columns, got an empty file.")
    for column in columns:
        if column not in header:
            raise MissingColumnError(path, column, header)
        if header.count(column) > 1:
            raise InputError(f"{path}: expected one column {column!r}, got {header.count(column)}.")
    places = [header.index(column) for column in columns]
    rows = []
    for row in lines:
        where = f"{path}, line {lines.line_num}"
        if not any(value.strip() for value in row):
            raise InputError(f"{where}: expected {len(header)} values, got an empty row.")
        if len(row) != len(header):
            raise InputError(f"{where}: expected {len(header)} values, got {len(row)}.")
        rows.append([_number(row[place], where, header[place]) for place in places])
    if not rows:
        raise InputError(f"{path}: expected rows of numbers below the header, got none.")
    return rows


def _number(text: str, where: str, column: str) -> float:
    try:
        value = float(text.replace("_", "?"))  # which Python reads as digits in groups
    except ValueError:
        raise InputError(f"{where}, column {column!r}: expected a number, got {text!r}.") from None
    if not math.isfinite(value):
        raise InputError(f"{where}, column {column!r}: expected a finite number, got {text!r}.")
    return value
