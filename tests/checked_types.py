"""Beartype on every function and dataclass of the package; jaxtyping's shapes where an annotation names one.

Jaxtyping's own decorator binds the arguments of each call to their names, and checks them twice, to compare the axes
of their shapes. Where no annotation has a shape there are none to be compared, and beartype alone checks the same in
a hundredth of the time.
"""

import dataclasses
import functools
import typing
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray, TypeCheckError, install_import_hook, jaxtyped

Hints = dict[str, Any]

_beartype = beartype(conf=BeartypeConf(violation_type=TypeCheckError))  # jaxtyping's, a TypeError


def check_types_of(package: str) -> None:
    """From here on the calls of what is imported from a package are checked."""
    jaxtyping.jaxtyped = _checked_with  # the hook writes this name above each function and class
    install_import_hook(package, "beartype.beartype")


def _checked_with(*, typechecker: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def checked(what: Any) -> Any:
        if isinstance(what, type):
            if dataclasses.is_dataclass(what) and not hasattr(what.__init__, "__wrapped__"):
                what.__init__ = checked(what.__init__)
            return what
        if (again := _checked_again(what)) is not None:
            return again
        hints = {name: _resolved(hint, what) for name, hint in what.__annotations__.items()}
        if any(_names_a_shape(hint) for hint in hints.values()):
            return jaxtyped(what, typechecker=typechecker)
        return _checked_by_beartype(what, hints)

    return checked


def _resolved(hint: Any, function: FunctionType) -> Any:
    """A hint that is text, evaluated; as to jaxtyping, what cannot be evaluated here may be anything."""
    try:
        return typing.get_type_hints(_Holds(hint), function.__globals__, include_extras=True)["hint"]
    except Exception:
        return Any


class _Holds:
    def __init__(self, hint: Any) -> None:
        self.__annotations__ = {"hint": hint}


def _names_a_shape(hint: Any) -> bool:
    return any(isinstance(part, type) and issubclass(part, AbstractArray) for part in _parts(hint))


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    for part in hint if isinstance(hint, list) else typing.get_args(hint):
        yield from _parts(part)


def _checked_by_beartype(function: FunctionType, hints: Hints) -> Any:
    given, function.__annotations__ = function.__annotations__, hints
    checked = _beartype(function)
    function.__annotations__ = checked.__annotations__ = given
    if "<locals>" in function.__qualname__ and checked is not function:
        _wrappers[function.__code__] = _Wrapper(function, checked)
    return checked


class _Wrapper:
    """What beartype has made of a function that another one defines at each of its calls: code that serves them all.

    Args:
        function: as it was defined first.
        checked: what beartype made of it.
    """

    def __init__(self, function: FunctionType, checked: FunctionType) -> None:
        self.hints = function.__annotations__
        self._code, self._globals = checked.__code__, checked.__globals__
        self._attributes = {name: value for name, value in vars(checked).items() if name != "__wrapped__"}
        self._given = dict(checked.__kwdefaults__)
        self._place = next(name for name, value in self._given.items() if value is function)
        del self._given[self._place]

    def around(self, function: FunctionType) -> FunctionType:
        """The same checks of a function that has this code too."""
        made = FunctionType(self._code, self._globals)
        made.__kwdefaults__ = {**self._given, self._place: function}
        vars(made).update(self._attributes)
        return functools.update_wrapper(made, function)


_wrappers: dict[CodeType, _Wrapper] = {}


def _checked_again(function: FunctionType) -> FunctionType | None:
    wrapper = _wrappers.get(function.__code__)
    if wrapper is None or wrapper.hints != function.__annotations__:
        return None
    return wrapper.around(function)
