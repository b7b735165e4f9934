"""Print the lowest versions that pyproject.toml allows, as constraints for pip: `torch>=2.13,<2.14` is `torch==2.13`.

What those packages need in their turn is left to pip, as it is for a user.
"""

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def lowest(pyproject: Path) -> list[str]:
    """The requirements with a lower bound, of all extras too, each held to that bound."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    requirements = [*project["dependencies"], *(text for extra in extras for text in extra)]
    found = [re.match(r"([\w.-]+)\s*>=\s*([\w.]+)", text) for text in requirements]
    return sorted({f"{match[1]}=={match[2]}" for match in found if match})


if __name__ == "__main__":
    print("\n".join(lowest(PYPROJECT)))
