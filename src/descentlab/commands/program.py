"""`descentlab <command> …`: the commands of an installed package, which the scripts are in a checkout."""

import ast
import importlib
import sys
from pathlib import Path

from descentlab.commands.terminal import speaking
from descentlab.errors import InputError, did_you_mean
from descentlab.processes import started_as

OF_THE_REPOSITORY = ("new", "pictures", "reference", "rename", "soak")
"""Commands that make no sense outside of it."""


@speaking()
def main() -> None:
    """Run the command that is named first on the arguments after it."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(help_text())
        return
    if name not in commands():
        error = InputError(f"{name}: there is no such command; {did_you_mean(name, commands())}")
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    started_as(["-m", "descentlab", name])
    sys.argv[1:] = arguments
    importlib.import_module(f"descentlab.commands.{name}").main()


def commands() -> dict[str, str]:
    """The commands there are, each with what it does: the first line of a file that opens with its script's name."""
    found = {}
    for file in sorted(Path(__file__).parent.glob("*.py")):
        first = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]
        script, _, what = first.partition(": ")
        if script == f"`{file.name}`" and file.stem not in OF_THE_REPOSITORY:
            found[file.stem] = what
    return found


def help_text() -> str:
    """Every command with what it does."""
    lines = [f"  {name:<11}{what}" for name, what in commands().items()]
    return "\n".join(["descentlab <command> …, of which `descentlab <command> --help` says more", "", *lines])
