"""`reference.py`: what docs takes from the code, the page of all settings and the picture of the layers."""

import ast
from collections.abc import Sequence
from pathlib import Path

from descentlab.commands.entry import run
from descentlab.errors import InputError
from descentlab.reports.rooms import rooms_svg
from descentlab.settings.command_line import read_arguments
from descentlab.settings.config_folders import config_folder
from descentlab.settings.reference import configuration_page

HELP = """
python scripts/reference.py [out=docs]

Writes configuration.md, every setting with its type, range, default and meaning, and pictures/layers.svg.
"""

ROOT = Path(__file__).resolve().parents[3]


def main() -> None:
    """Run the command line."""
    run(_reference, HELP, needs_arguments=False)


def _reference(arguments: Sequence[str]) -> None:
    out = Path(read_arguments(arguments, {"out": str}).get("out", ROOT / "docs"))
    for name, text in pages().items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text, encoding="utf-8")
        print(out / name)


def pages() -> dict[str, str]:
    """The files that are made from the code, by their place in docs."""
    floors = _floors()
    return {
        "configuration.md": configuration_page(config_folder()),
        "pictures/layers.svg": rooms_svg(floors, {room: _contents(room) for floor in floors for room in floor}),
    }


def _floors() -> list[set[str]]:
    """The floors that the test of the imports holds the package to."""
    file = ROOT / "tests" / "architecture" / "test_imports.py"
    if not file.is_file():
        raise InputError(f"{file}: expected a clone of the repository, with its tests; there is none around here.")
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FLOORS":
            floors: list[set[str]] = ast.literal_eval(node.value)
            return floors
    raise InputError(f"{file}: expected a list FLOORS, got none.")


def _contents(room: str) -> str:
    """The first words of what a room says of itself, up to a colon, a comma or the end."""
    package = Path(__file__).resolve().parents[1]
    folder = package.parent / room / package.name if room == "hydra_plugins" else package / room
    said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    return said.partition("\n")[0].partition(";")[0].rstrip(".")
