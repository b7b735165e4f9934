"""The parameters of a configured target, read from its source: nothing is imported to check a setting."""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from descentlab.errors import InputError, did_you_mean

_LIGHT_MODULES = {"typing", "collections.abc", "annotated_types", "pathlib", "pydantic", "types"}
_READ_AS = {"Iterable": list}  # pydantic would keep an iterator, which is no plain value


@dataclass(frozen=True)
class Parameter:
    """One parameter of a target: its type (Any where the source gives none), and whether it has no default."""

    annotation: Any
    required: bool = True


@dataclass(frozen=True)
class Signature:
    """What a target takes, and its docstring, as its source says."""

    parameters: dict[str, Parameter]
    takes_any: bool
    docstring: str = ""


@cache
def signature_of(target: str) -> Signature:
    """The signature of the function or class at a dotted path, without importing it.

    A class gives the parameters of its `__init__`, its own or that of its first base in the source;
    a name that a module imports from elsewhere is followed there.

    Raises:
        InputError: no such module, or nothing of that name in it.
    """
    module, _, name = target.rpartition(".")
    return _signature_in(module, name, target)


def _signature_in(module: str, name: str, target: str, above: tuple[tuple[str, str], ...] = ()) -> Signature:
    """That of a name in a module; `above` are the modules and names of which the question has come down."""
    tree = _parse(module, target)
    above = (*above, (module, name))
    for node in _statements(tree):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return _of_function(node, _namespace(module), skip_first=False)
        if isinstance(node, ast.ClassDef) and node.name == name:
            return _of_class(node, module, target)
        if isinstance(node, ast.ImportFrom):
            source = _absolute(node, module)
            for alias in node.names:
                if (alias.asname or alias.name) == name and (source, alias.name) not in above:
                    return _signature_in(source, alias.name, target, above)
                if alias.name == "*" and (source, name) not in above:
                    with suppress(InputError):
                        return _signature_in(source, name, target, above)
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    names += [alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    home = _source_file(module)
    if home.name == "__init__.py" and home.with_name(f"{name}.py").is_file():
        inner = _parse(f"{module}.{name}", target).body
        valid = [f"{target}.{node.name}" for node in inner if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        raise InputError(f"_target_: {target} is a module, not a class or a function in it: {did_you_mean('', valid)}")
    raise InputError(f"_target_: {module} holds no {name!r}: {did_you_mean(name, names)}")


def _of_class(node: ast.ClassDef, module: str, target: str) -> Signature:
    return replace(_of_constructor(node, module, target), docstring=ast.get_docstring(node) or "")


def _of_constructor(node: ast.ClassDef, module: str, target: str) -> Signature:
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            return _of_function(member, _namespace(module), skip_first=True)
    for base in node.bases:
        if isinstance(base, ast.Name):
            return _signature_in(module, base.id, target)
    return Signature({}, takes_any=bool(node.bases))


def _of_function(node: ast.FunctionDef, namespace: dict[str, Any], *, skip_first: bool) -> Signature:
    spec = node.args
    positional = [*spec.posonlyargs, *spec.args]
    first_default = len(positional) - len(spec.defaults)
    defaults: dict[str, ast.expr | None] = {
        argument.arg: spec.defaults[k - first_default] if k >= first_default else None
        for k, argument in enumerate(positional)
    }
    defaults |= {arg.arg: default for arg, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True)}
    parameters = {
        argument.arg: Parameter(
            _evaluate(argument.annotation, namespace),
            required=defaults[argument.arg] is None,
        )
        for argument in [*positional[skip_first:], *spec.kwonlyargs]
    }
    return Signature(parameters, spec.kwarg is not None, ast.get_docstring(node) or "")


def _evaluate(expression: ast.expr | None, namespace: dict[str, Any]) -> Any:
    if expression is None:
        return Any
    try:
        if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
            expression = ast.parse(expression.value, mode="eval").body
        return eval(compile(ast.Expression(expression), "<signature>", "eval"), dict(namespace))
    except Exception:
        return Any  # a tensor or another heavy type: the name is still checked, the value is not


@cache
def _namespace(module: str) -> dict[str, Any]:
    """The names that annotations of `module` may use: light imports and the aliases made of them."""
    return _named(module, frozenset())[0]


_whole: dict[str, dict[str, Any]] = {}


def _named(module: str, above: frozenset[str]) -> tuple[dict[str, Any], bool]:
    """The names of a module, and whether they are all.

    `above` are the modules that import from it, whose own names are not asked for again.
    """
    if module in _whole:
        return _whole[module], True
    namespace: dict[str, Any] = {}
    is_whole = True
    for node in _statements(_parse(module, module)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in _LIGHT_MODULES:
                    top = alias.name.partition(".")[0]
                    namespace[alias.asname or top] = _Light(alias.name if alias.asname else top)
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(node, module)
            if source in _LIGHT_MODULES:
                light = _Light(source)
                namespace |= {a.asname or a.name: getattr(light, a.name, Any) for a in node.names}
            elif source.startswith("descentlab."):
                theirs, are_all = ({}, False) if source in above else _named(source, above | {module})
                namespace |= {a.asname or a.name: theirs[a.name] for a in node.names if a.name in theirs}
                is_whole = is_whole and are_all
            elif source == "collections":
                namespace |= {a.asname or a.name: _Light("collections.abc") for a in node.names if a.name == "abc"}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            value = _evaluate(node.value, namespace)
            if isinstance(target, ast.Name) and value is not Any:
                namespace[target.id] = value
    if is_whole:
        _whole[module] = namespace
    return namespace, is_whole


class _Light:
    """A well-known module as annotations see it; of `collections` there is nothing but its `abc`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if self._name == "collections" and name == "abc":
            return _Light("collections.abc")
        return _READ_AS.get(name) or getattr(importlib.import_module(self._name), name)


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    for node in tree.body:
        yield node
        if isinstance(node, ast.If | ast.Try):
            yield from node.body


def _absolute(node: ast.ImportFrom, module: str) -> str:
    if not node.level:
        return node.module or ""
    package = module if _source_file(module).name == "__init__.py" else module.rpartition(".")[0]
    base = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


@cache
def _parse(module: str, target: str) -> ast.Module:
    path = _source_file(module)
    if not path.is_file():
        folder = path.parent
        names = [f"{module.rpartition('.')[0]}.{file.stem}" for file in folder.glob("[a-z]*.py")]
        raise InputError(f"_target_: there is no module {module!r} for {target!r}: {did_you_mean(module, names)}")
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise InputError(f"_target_: expected Python, but {path}:{error.lineno} is none ({error.msg}).") from error


@cache
def _source_file(module: str) -> Path:
    top, *rest = module.split(".")
    loaded = sys.modules.get(top)
    spec = loaded.__spec__ if loaded is not None else importlib.util.find_spec(top)
    if spec is not None and not rest and (spec.origin or "").endswith(".py") and not spec.submodule_search_locations:
        return Path(str(spec.origin))  # a package of one file
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"_target_: there is no package {top!r}; install it, or name its folder in PYTHONPATH.")
    path = Path(next(iter(spec.submodule_search_locations))).joinpath(*rest)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
