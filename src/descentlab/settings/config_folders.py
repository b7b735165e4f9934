"""Where configs are found, and which: in the package's folder, and before it in one of the user's own."""

import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import descentlab
from descentlab.errors import InputError

VARIABLE = "DESCENTLAB_CONFIG_DIR"
"""Holds the path of the user's own folder; the processes that this one starts inherit it."""

_FLAGS = ("--config-dir", "-cd")  # Hydra's


@cache
def config_folder() -> Path:
    """The folder of the configs: inside an installed package, else `conf` of the checkout."""
    package = Path(descentlab.__file__).parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parents[1] / "conf"


def own_folder() -> Path | None:
    """The folder that the user has named, if any."""
    path = os.environ.get(VARIABLE)
    return Path(path) if path else None


def groups() -> list[str]:
    """The groups of configs, by name."""
    return sorted({path.name for folder in _folders() for path in folder.iterdir() if path.is_dir()})


def choices_of(group: str) -> list[str]:
    """The choices of a group of configs, by name."""
    return sorted({path.stem for folder in _folders() for path in (folder / group).glob("*.yaml")})


def choice_of(group: str, target: str | None) -> str | None:
    """The choice of a group that has this `_target_`, of several the one named like it; None where there is none, or
    several are named otherwise."""
    return _choice_among(tuple(_folders()), group, target)


@cache
def _choice_among(folders: tuple[Path, ...], group: str, target: str | None) -> str | None:
    found = sorted({choice for folder in folders for choice in _choices_by_target(folder / group).get(target, ())})
    alike = [choice for choice in found if target is not None and choice == target.rpartition(".")[2].lower()]
    candidates = alike or found
    return candidates[0] if len(candidates) == 1 else None


@cache
def _choices_by_target(folder: Path) -> dict[str | None, list[str]]:
    choices: dict[str | None, list[str]] = {}
    for path in sorted(folder.glob("*.yaml")):
        text = path.read_text(encoding="utf-8", errors="replace")
        if (line := re.search(r"^_target_: *(\S+)", text, re.MULTILINE)) is not None:
            target = None if line[1] == "null" else line[1]
            choices.setdefault(target, []).append(path.stem)
    return choices


def _folders() -> list[Path]:
    own = own_folder()
    return [config_folder()] if own is None else [own, config_folder()]


def search_first(folder: Path) -> None:
    """From now on, take a config from `folder` where it has one, and from the package where it has none.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"--config-dir: expected a folder of configs, such as conf, got {str(folder)!r}.")
    os.environ[VARIABLE] = str(folder.resolve())


def refuse_flags(words: Sequence[str]) -> None:
    """Refuse flags where there is no command line, and name what stands for `--config-dir`.

    Raises:
        InputError: one of the words is a flag.
    """
    for word in words:
        if word.startswith("-"):
            remedy = "flags are for python scripts/train.py, which makes sweeps of settings with -m"
            if word.partition("=")[0] in _FLAGS:
                remedy = f'type os.environ["{VARIABLE}"] = "<folder>" before'
            raise InputError(f"{word}: expected key=value or group=choice, got a flag of the command line; {remedy}.")


def take_config_dir(words: Sequence[str]) -> list[str]:
    """Search the folder of `--config-dir` first, where it is among the words typed.

    Returns:
        The other words.

    Raises:
        InputError: there is no such folder, or none is given.
    """
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        flag, equals, path = word.partition("=")
        if flag not in _FLAGS:
            others.append(word)
            continue
        given = path if equals else next(rest, "")
        if not given:
            raise InputError("--config-dir: expected a folder of configs, got none; type --config-dir conf")
        search_first(Path(given))
    return others
