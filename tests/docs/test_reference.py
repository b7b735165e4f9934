"""docs/configuration.md and the picture of the layers are what the code says today."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Len, Lt

from descentlab.commands import reference
from descentlab.commands.reference import pages
from descentlab.settings.compose import compose
from descentlab.settings.reference import arguments_said, describe

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = pages()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_made_from_the_code_is_current(name):
    current = (DOCS / name).read_text(encoding="utf-8") == PAGES[name]
    assert current, "type python scripts/reference.py"


def test_the_pages_are_written_where_they_are_wanted(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["scripts/reference.py", f"out={tmp_path}"])
    reference.main()
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / name) for name in PAGES]
    assert {name: (tmp_path / name).read_text(encoding="utf-8") for name in PAGES} == PAGES


def keys_of(settings, above: str = "") -> set[str]:
    found = set()
    for key, value in settings.items():
        found |= keys_of(value, f"{above}{key}.") if isinstance(value, dict) else {f"`{above}{key}`"}
    return found


def test_every_key_of_a_composed_config_is_in_the_reference():
    assert not {key for key in keys_of(compose()) if key not in PAGES["configuration.md"]}


def test_every_setting_has_a_meaning():
    rows = [line for line in PAGES["configuration.md"].splitlines() if line.startswith("| `")]
    assert rows
    assert not [row for row in rows if row.rpartition(" | ")[2] == " |"]


TYPES = {
    "int ≥ 1": Annotated[int, Ge(1)],
    "float > 0 or null": Annotated[float, Gt(0)] | None,
    "int ≥ 0 and < 2^63": Annotated[int, Ge(0), Lt(2**63)],
    "list of float of 2": Annotated[list[float], Len(2, 2)],
    "`a`, `b`": Literal["a", "b"],
    "list of float or list of list of float or null": list[float] | list[list[float]] | None,
}


@pytest.mark.parametrize(("words", "annotation"), TYPES.items(), ids=TYPES)
def test_a_type_is_put_into_words(words, annotation):
    assert describe(annotation) == words


def test_what_a_docstring_says_of_its_arguments_is_found():
    docstring = "A thing.\n\nArgs:\n    a: one\n        and more.\n    b, c: two.\n\nReturns:\n    d: three."
    assert arguments_said(docstring) == {"a": "one and more", "b": "two", "c": "two"}
