"""How every command begins and ends: its help, its errors, its exit code."""

import sys
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

from descentlab.errors import InputError


def refuse(error: InputError) -> NoReturn:
    """Print what is wrong with the input and exit with 2; `debug=trace` shows where it was found."""
    if "debug=trace" in sys.argv:
        traceback.print_exception(error)
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)


def run(command: Callable[[Sequence[str]], None], help_text: str) -> None:
    """Run a command on the arguments typed; `--help` prints `help_text`, bad input exits with 2."""
    arguments = [argument for argument in sys.argv[1:] if argument != "debug=trace"]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(help_text.strip())
        return
    try:
        command(arguments)
    except InputError as error:
        refuse(error)
