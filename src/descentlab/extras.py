"""Packages that only some commands need, and the line that installs them."""

from importlib.util import find_spec

from descentlab.errors import InputError


def need(package: str, extra: str, asked_by: str) -> None:
    """Refuse what cannot be done without a package that is not installed.

    Args:
        package: as it is imported.
        extra: of this project, which brings it.
        asked_by: what the user typed.

    Raises:
        InputError: with the line that installs it.
    """
    if find_spec(package) is None:
        raise InputError(f"{asked_by}: expected {package}, which is not installed; type pip install -e '.[{extra}]'.")
