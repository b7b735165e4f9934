"""`schema.py`: JSON schemas of the config files, for an editor's completion and checks."""

import json
from collections.abc import Sequence
from pathlib import Path

from descentlab.commands.entry import run
from descentlab.errors import InputError
from descentlab.settings.command_line import read_arguments
from descentlab.settings.schema import schemas

HELP = """
python scripts/schema.py [out=outputs/schema]

Writes a JSON schema for each group of configs, <group>.json. A file of
conf/optimizer is checked by an editor that speaks YAML after its first line says

    # yaml-language-server: $schema=../../outputs/schema/optimizer.json

or, for all files, from the editor's settings (yaml.schemas in VS Code).
"""


def main() -> None:
    """Run the command line."""
    run(_schema, HELP, needs_arguments=False)


def _schema(arguments: Sequence[str]) -> None:
    folder = Path(read_arguments(arguments, {"out": str}).get("out", "outputs/schema"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for group, schema in schemas().items():
            file = folder / f"{group}.json"
            file.write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
            print(file)
    except OSError as error:
        raise InputError(f"out: expected a folder that can be written, got {folder} ({error.strerror}).") from error
