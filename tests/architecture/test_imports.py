"""The rooms import downward only: read from the source, so that an import inside a function counts too."""

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"

FLOORS = [
    {"functional"},
    {"nets", "generators"},
    {"engines"},
    {"modules", "data"},
    {"callbacks"},
    {"runs"},
    {"sweeps"},
    {"reports"},
    {"benchmarks"},
    {"commands"},
    {"hydra_plugins"},
]
"""The rooms of design.md from the ground up; those on one floor do not know each other."""

BESIDE = "settings"
"""Stands beside the floors: `runs` and whatever is above may ask it, it asks nobody."""


def files() -> list[Path]:
    tops = (SRC / "descentlab", SRC / "hydra_plugins", ROOT / "scripts")  # a package of one's own is none of ours
    return sorted(file for top in tops for file in top.rglob("*.py"))


def module_of(file: Path) -> str:
    base = SRC if file.is_relative_to(SRC) else ROOT
    parts = file.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST, package: str) -> Iterator[str]:
    """The dotted names that a piece of source imports; of `from a import b` both a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def room_of(module: str) -> str:
    """`runs` for descentlab.runs.train, `hydra_plugins`, `scripts`; a file beside the rooms by its name."""
    first, *rest = module.split(".")
    return rest[0] if first == "descentlab" and rest else first


def floor_of(room: str) -> int | None:
    return next((number for number, rooms in enumerate(FLOORS) if room in rooms), None)


MODULES = {module_of(file): ast.parse(file.read_text(encoding="utf-8")) for file in files()}
PACKAGES = {module_of(file) for file in files() if file.name == "__init__.py"}
ROOMS = sorted({room_of(module) for module in PACKAGES} - {"descentlab"})
SINGLE_FILES = sorted(
    module
    for module in MODULES
    if module.count(".") == 1 and module not in {*PACKAGES, "descentlab.__main__"} and module.startswith("descentlab.")
)


def imports_of(module: str) -> set[str]:
    package = module if module in PACKAGES else module.rpartition(".")[0]
    return set(imported(MODULES[module], package))


def own_rooms_of(module: str) -> set[str]:
    """The rooms of this project that a module imports from, its own left out."""
    ours = {name for name in imports_of(module) if name.split(".")[0] in ("descentlab", "hydra_plugins")}
    rooms = {room_of(name) for name in ours if name != "descentlab"}
    known = {*ROOMS, *(single.rpartition(".")[2] for single in SINGLE_FILES)}
    return (rooms & known) - {room_of(module)}


def libraries_of(module: str) -> set[str]:
    """The libraries that a module imports, by the first part of their names."""
    tops = {name.split(".")[0] for name in imports_of(module) if name}
    return tops - set(sys.stdlib_module_names) - {"descentlab", "hydra_plugins"}


def test_every_room_has_its_floor():
    assert set(ROOMS) - {BESIDE, "hydra_plugins"} <= set().union(*FLOORS)


@pytest.mark.parametrize("module", [name for name in MODULES if floor_of(room_of(name)) is not None])
def test_a_room_imports_only_from_below(module):
    floor = floor_of(room_of(module))
    for room in own_rooms_of(module):
        below = floor_of(room)
        if room == BESIDE:
            assert floor >= floor_of("runs"), f"{module} asks the settings"
        elif below is not None:
            assert below < floor, f"{module} imports from {room}"


@pytest.mark.parametrize("module", [name for name in MODULES if room_of(name) == BESIDE])
def test_the_settings_ask_no_room(module):
    assert not own_rooms_of(module) & set(ROOMS)


@pytest.mark.parametrize("module", SINGLE_FILES)
def test_a_file_beside_the_rooms_asks_no_room(module):
    assert not own_rooms_of(module) & set(ROOMS)


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("scripts.")])
def test_a_script_is_the_command_of_its_name(module):
    names = {name for name in imports_of(module) if name.startswith("descentlab")}
    command = module.replace("scripts", "descentlab.commands")
    assert names == {command, f"{command}.main"}


ALLOWED = {
    "functional": {"torch", "jaxtyping", "annotated_types"},
    "nets": {"torch", "jaxtyping", "annotated_types"},
    "generators": {"torch", "jaxtyping", "annotated_types"},
    "engines": {"torch", "jaxtyping", "numpy"},
    "settings": {"hydra", "omegaconf", "pydantic", "annotated_types", "yaml"},
}


@pytest.mark.parametrize("module", [name for name in MODULES if room_of(name) in ALLOWED])
def test_the_lower_rooms_and_the_settings_know_few_libraries(module):
    assert libraries_of(module) <= ALLOWED[room_of(module)]


@pytest.mark.parametrize("module", MODULES)
def test_hydra_is_known_only_where_configs_are_read(module):
    if libraries_of(module) & {"hydra", "omegaconf"}:
        assert room_of(module) in {"settings", "runs", "sweeps", "commands", "hydra_plugins"}


@pytest.mark.parametrize("module", MODULES)
def test_pictures_are_known_only_to_the_reports(module):
    if {"matplotlib", "plotly"} & libraries_of(module):
        assert room_of(module) == "reports"


def test_no_module_waits_for_itself():
    """Imports at the head of files have no cycle; `prepare` raises a CycleError that shows one."""
    graph = {}
    for module, tree in MODULES.items():
        package = module if module in PACKAGES else module.rpartition(".")[0]
        head = ast.Module(
            [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], type_ignores=[]
        )
        graph[module] = {name for name in imported(head, package) if name in MODULES and name != module}
    TopologicalSorter(graph).prepare()


def test_no_file_is_named_after_nothing():
    vague = {"utils", "util", "helpers", "misc", "common", "tools"}
    assert not {module for module in MODULES if module.rpartition(".")[2] in vague}
