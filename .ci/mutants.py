"""Mutants of a file: what may be changed in its functions, and how a running process is given the change."""

import ast
import difflib
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import libcst
from libcst.metadata import MetadataWrapper, ParentNodeProvider
from mutmut.mutation.mutators import mutation_operators

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Mutant:
    """One change of one function.

    Attributes:
        file: where, from the root of the repository.
        function: its qualified name.
        change: the lines before with `-` and after with `+`.
        source: the whole file after it.
    """

    file: str
    function: str
    change: str
    source: str


_FOR_TYPES = ("cast", "isinstance")
"""Functions whose arguments are types."""


class _Changes(libcst.CSTVisitor):
    """Every change of the statements of functions; messages, types, decorators and defaults stay as they are."""

    METADATA_DEPENDENCIES = (ParentNodeProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.place: list[str] = []
        self.found: list[tuple[str, Any, Any]] = []

    def on_visit(self, node: libcst.CSTNode) -> bool:
        if isinstance(node, libcst.Annotation | libcst.Decorator | libcst.Parameters | libcst.Raise | libcst.Assert):
            return False
        if isinstance(node, libcst.ClassDef | libcst.FunctionDef):
            self.place.append(node.name.value)
        elif isinstance(node, libcst.Expr) and isinstance(node.value, libcst.BaseString):
            return False
        if isinstance(node, libcst.Call) and isinstance(node.func, libcst.Name) and node.func.value in _FOR_TYPES:
            return True
        if self.place and self._in_function(node):
            for kind, operator in mutation_operators:
                if isinstance(node, kind):
                    self.found += [(".".join(self.place), node, changed) for changed in operator(node)]
        return True

    def _in_function(self, node: libcst.CSTNode) -> bool:
        above = self.get_metadata(ParentNodeProvider, node, None)
        while above is not None and not isinstance(above, libcst.FunctionDef):
            above = self.get_metadata(ParentNodeProvider, above, None)
        return above is not None

    def on_leave(self, original_node: libcst.CSTNode) -> None:
        if isinstance(original_node, libcst.ClassDef | libcst.FunctionDef):
            self.place.pop()


def mutants_of(file: Path) -> Iterator[Mutant]:
    """Every change of a file, one at a time."""
    before = file.read_text(encoding="utf-8")
    wrapper = MetadataWrapper(libcst.parse_module(before))
    visitor = _Changes()
    wrapper.visit(visitor)
    for function, node, changed in visitor.found:
        after = wrapper.module.deep_replace(node, changed).code
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
        change = "\n".join(f"{line[0]} {line[1:].strip()}" for line in lines if line[:2] not in ("--", "++", "@@"))
        yield Mutant(str(file.relative_to(ROOT)), function, change, after)


def functions_of(files: list[Path]) -> dict[Path, list[FunctionType]]:
    """All functions there are of each file, by whatever name and behind whatever decorator."""
    found: dict[str, list[FunctionType]] = {str(file): [] for file in files}
    for each in gc.get_objects():
        if type(each) is FunctionType and each.__code__.co_filename in found:
            found[each.__code__.co_filename].append(each)
    return {Path(name): functions for name, functions in found.items()}


def exchange(functions: list[FunctionType], source: str) -> None:
    """Give the functions of a file the code that they have in another source."""
    file = functions[0].__code__.co_filename
    wanted = {function.__code__.co_qualname: function.__code__.co_freevars for function in functions}
    changed = _codes(ast.parse(source), file)
    lost = {name: set(wanted.get(name, ())) - set(code.co_freevars) for name, code in changed.items()}
    if any(lost.values()):
        changed = _codes(_naming(ast.parse(source), lost), file)
    for function in functions:
        new = changed.get(function.__code__.co_qualname)
        if new is not None and new.co_freevars == function.__code__.co_freevars:
            function.__code__ = new


def _codes(tree: ast.Module, file: str) -> dict[str, CodeType]:
    """The code of each function of a file by its qualified name."""
    found: dict[str, CodeType] = {}
    pending = [compile(tree, file, "exec")]
    while pending:
        inner = [each for each in pending.pop().co_consts if isinstance(each, CodeType)]
        found |= {each.co_qualname: each for each in inner}
        pending += inner
    return found


def _naming(tree: ast.Module, names: dict[str, set[str]]) -> ast.Module:
    """A file whose functions name variables from around them that a change has left out: the code of a function
    can only be exchanged for one with the same."""

    def name(node: ast.AST, above: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = above
            if isinstance(child, ast.FunctionDef):
                place = f"{above}{child.name}"
                child.body += ast.parse("\n".join(sorted(names.get(place, ())))).body
                inner = f"{place}.<locals>."
            elif isinstance(child, ast.ClassDef):
                inner = f"{above}{child.name}."
            name(child, inner)

    name(tree, "")
    return ast.fix_missing_locations(tree)
