"""`rename.py`: turn a fresh clone into a package of one's own. Needs nothing but Python and git."""

import importlib.util
import keyword
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from descentlab.commands.terminal import speaking
from descentlab.errors import InputError

HELP = """
python scripts/rename.py my_study

Gives the package, its configs, scripts, docs and tests another name; LICENSE keeps its authors.
Wants a clean git tree, so that `git diff` shows what was done and `git reset --hard` takes it back.
"""

OLD = __name__.partition(".")[0]
_KEPT = ("LICENSE",)


@speaking()
def main() -> None:
    """Run the command line: 0 done, 2 bad input."""
    arguments = sys.argv[1:]
    if len(arguments) != 1 or arguments[0] in ("-h", "--help"):
        print(HELP.strip())
        return
    try:
        root = Path(__file__).resolve().parents[3]
        count = rename(root, arguments[0])
    except InputError as error:
        print("error:", error, file=sys.stderr)
        sys.exit(2)
    first = "" if _format(root) else "format "  # of which ruff is not there yet
    print(
        f"{OLD} is now {arguments[0]}: {count} files changed\n"
        f"Next: .venv/bin/pip uninstall -y {OLD}, whose command would be left there; "
        f"make {first}lint test, then commit."
    )


def rename(root: Path, name: str) -> int:
    """Rename the package of a clone in files and folders.

    Args:
        root: of the clone.
        name: of a package that Python does not know yet, in small letters.

    Returns:
        How many files were changed or moved.

    Raises:
        InputError: the name cannot be a package's, is taken, or git holds changes that are not committed.
    """
    _check_name(name)
    files = _tracked(root)
    changed = 0
    for file in files:
        new_path = Path(*(name if part == OLD else part for part in file.relative_to(root).parts))
        changed += _rewrite(file, name) | (root / new_path != file)
        if root / new_path != file:
            (root / new_path).parent.mkdir(parents=True, exist_ok=True)
            file.rename(root / new_path)
    for folder in (root / "src" / OLD, root / "src" / "hydra_plugins" / OLD):
        _remove_empty(folder)
    return changed


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", name) or keyword.iskeyword(name):
        raise InputError(f"{name}: expected a name in small letters, such as my_study.")
    if name in (OLD, "hydra_plugins", "scripts", "tests", "conf", "docs") or name in sys.stdlib_module_names:
        raise InputError(f"{name}: expected a name that is not taken yet; this one is.")
    if importlib.util.find_spec(name) is not None:
        raise InputError(f"{name}: expected a name that is not taken yet; Python finds a package {name} here.")


def _tracked(root: Path) -> list[Path]:
    """The files of a clean git tree."""
    try:
        changes = _git(root, "status", "--porcelain")
        names = _git(root, "ls-files", "-z")
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(
            f"{root}: expected a git repository, the way back from a renaming; type git init, add and commit."
        ) from error
    if changes:
        raise InputError(f"{root}: expected a clean git tree, got {changes.splitlines()[0].strip()}; commit first.")
    return [root / name for name in names.split("\0") if name]


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def _rewrite(file: Path, name: str) -> bool:
    """Put the new name for the old in a file of text; whether it was in it."""
    content = file.read_bytes()
    if file.name in _KEPT or b"\0" in content:
        return False
    new = content.replace(OLD.encode(), name.encode()).replace(OLD.upper().encode(), name.upper().encode())
    if new == content:
        return False
    file.write_bytes(new)
    return True


def _format(root: Path) -> bool:
    """Sort the imports and wrap the lines as the new name has them; whether the clone's ruff is there to do so."""
    places = [Path(sys.executable).parent, root / ".venv" / "bin"]
    ruff = shutil.which("ruff", path=os.pathsep.join(map(str, places)))
    if ruff is None:
        return False
    for arguments in (["check", "--fix", "--select", "I"], ["format"]):
        subprocess.run([ruff, *arguments, "--quiet"], cwd=root, check=True)
    return True


def _remove_empty(folder: Path) -> None:
    """Remove what the move has left of a folder: compiled files, and folders without any."""
    for file in folder.rglob("*.pyc"):
        file.unlink()
    for inner in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        if not any(inner.iterdir()):
            inner.rmdir()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
