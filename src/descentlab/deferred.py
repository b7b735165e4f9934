"""Modules that torch and Lightning import for features which a plain run never uses, left unexecuted.

The first optimiser imports `torch._dynamo` (the compiler behind `torch.compile`, a second of work with
all that it brings) to exempt itself from a compiler that nobody has asked for, and Lightning imports it
for an `isinstance`; torchmetrics imports matplotlib to name two types, and SciPy to rename a function; a
gradient under `vmap` imports SymPy to see that a number is no symbol.
`defer` has such modules put in place without being executed. They answer the few questions below by
themselves, as is right as long as nothing is compiled or plotted. Any other question, `torch.compile`,
a plot and the import of a submodule included, executes the real module, in the same module object, and
from then on it is itself.
"""

import functools
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import FunctionType, ModuleType
from typing import Any


def defer() -> None:
    """From now on, importing `DEFERRED` modules does not execute them until something else is asked of them.

    Modules that are imported already stay as they are, and a second call changes nothing.
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class Deferred(Loader):
    """Puts a module in place unexecuted, and executes it when it is woken.

    Args:
        loader: the module's own.
    """

    _lock = threading.RLock()

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._module: ModuleType | None = None

    def answers(self) -> dict[str, Any]:
        """The attributes that the module has before it is executed."""
        raise NotImplementedError("a deferred module has something to answer")

    def after_execution(self, module: ModuleType) -> None:
        """Pass on to the real module what was answered in its place."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(self.answers())
        module.__class__ = _Waiting
        self._module = module

    @property
    def is_waiting(self) -> bool:
        """True until the module is executed."""
        return isinstance(self._module, _Waiting)

    def wake(self) -> Any:
        """The module, executed now if it was not before."""
        with self._lock:
            module = self._module
            if isinstance(module, _Waiting):
                assert module.__spec__ is not None
                module.__class__ = ModuleType  # type: ignore[assignment]  # a module's class may be changed
                module.__loader__ = module.__spec__.loader = self._loader
                for name in self.answers():
                    del vars(module)[name]
                try:
                    self._loader.exec_module(module)
                except BaseException:
                    sys.modules.pop(module.__name__, None)  # as after any import that failed
                    raise
                self.after_execution(module)
        return module


class _Waiting(ModuleType):
    """A module before its execution, which changes the class back to `ModuleType`."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if isinstance(self.__loader__, Deferred):  # else another thread has executed it just now
            self.__loader__.wake()
        return getattr(self, name)


class _Finder(MetaPathFinder):
    """Finds the modules that are left unexecuted, and wakes one whose submodule is imported."""

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname in DEFERRED:
            spec = PathFinder.find_spec(fullname, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = DEFERRED[fullname](spec.loader)
            return spec
        parent = sys.modules.get(fullname.rpartition(".")[0])
        if isinstance(parent, _Waiting) and isinstance(parent.__loader__, Deferred):
            parent.__loader__.wake()
            if (module := sys.modules.pop(fullname, None)) is not None:  # import puts it back
                return ModuleSpec(fullname, _Adopt(module))
        return None


class _Adopt(Loader):
    """Loads a module that is imported already, as it is."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not self._spec:
            module.__spec__ = self._spec


class Compiler(Deferred):
    """`torch._dynamo`, when nothing is compiled: a function exempt from compilation is called as it is,
    there is no graph to break, and no module is a compiled one."""

    def __init__(self, loader: Loader) -> None:
        super().__init__(loader)
        self._exempt: list[Callable[[], None]] = []

    def answers(self) -> dict[str, Any]:
        deferred = self

        class OfOptimizedModule(type):
            def __instancecheck__(cls, instance: Any) -> bool:
                return not deferred.is_waiting and isinstance(instance, deferred.wake().OptimizedModule)

            def __subclasscheck__(cls, subclass: type) -> bool:
                return not deferred.is_waiting and issubclass(subclass, deferred.wake().OptimizedModule)

            def __call__(cls, *args: Any, **options: Any) -> Any:
                return deferred.wake().OptimizedModule(*args, **options)

        return {
            "disable": self._disable,
            "graph_break": self._graph_break,
            "OptimizedModule": OfOptimizedModule("OptimizedModule", (), {}),
            "compiled_autograd": _CompiledAutograd(self),
        }

    def after_execution(self, module: ModuleType) -> None:
        for exempt in self._exempt:
            exempt()
        self._exempt.clear()

    def _disable(self, fn: Any = None, recursive: bool = True, **options: Any) -> Any:
        """`fn` as it is; from the execution on, `fn` as the real `disable` returns it."""
        if not (self.is_waiting and isinstance(fn, FunctionType)):
            return self.wake().disable(fn, recursive, **options)
        called = fn

        def disabled(*args: Any, **keywords: Any) -> Any:
            return called(*args, **keywords)

        def exempt() -> None:
            nonlocal called
            called = self.wake().disable(fn, recursive, **options)
            vars(disabled).update(vars(called))  # the marks by which the compiler knows it

        self._exempt.append(exempt)
        return functools.wraps(fn)(disabled) if options.get("wrapping", True) else disabled

    def _graph_break(self, *args: Any, **options: Any) -> None:
        if not self.is_waiting:
            self.wake().graph_break(*args, **options)


class _CompiledAutograd:
    """`torch._dynamo.compiled_autograd`, which the gradients of `torch.func` switch off: it is off already."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler

    def __getattr__(self, name: str) -> Any:
        if name == "_disable" and self._compiler.is_waiting:
            return nullcontext
        return getattr(self._compiler.wake().compiled_autograd, name)


class MetricPlots(Deferred):
    """`torchmetrics.utilities.plot`, when nothing is plotted: its types are object, as torchmetrics has
    it without matplotlib, and its functions execute it when they are called."""

    def answers(self) -> dict[str, Any]:
        types = {"_AX_TYPE": object, "_CMAP_TYPE": object, "_PLOT_OUT_TYPE": object}
        functions = ("plot_confusion_matrix", "plot_curve", "plot_single_or_multi_val")
        return types | {name: self._forwarded(name) for name in functions}

    def _forwarded(self, name: str) -> Callable[..., Any]:
        def plot(*args: Any, **options: Any) -> Any:
            return getattr(self.wake(), name)(*args, **options)

        return plot


class Signals(Deferred):
    """`scipy.signal`, when no signal is processed: it has the old name of one function, which torchmetrics
    looks for when it is imported, and gives it back otherwise."""

    def answers(self) -> dict[str, Any]:
        return {"hamming": lambda *args, **options: self.wake().windows.hamming(*args, **options)}

    def after_execution(self, module: ModuleType) -> None:
        if not hasattr(module, "hamming"):
            vars(module)["hamming"] = module.windows.hamming


class Symbols(Deferred):
    """`sympy`, when no shape is a symbol: torch's gradients of gradients ask whether a number is one."""

    def answers(self) -> dict[str, Any]:
        return {"Basic": _Symbol(self)}


class _Symbol:
    """`sympy.Basic`, of which there are none before sympy is executed."""

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols

    def __instancecheck__(self, instance: Any) -> bool:
        return not self._symbols.is_waiting and isinstance(instance, self._symbols.wake().Basic)

    def __subclasscheck__(self, subclass: type) -> bool:
        return not self._symbols.is_waiting and issubclass(subclass, self._symbols.wake().Basic)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._symbols.wake().Basic,)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._symbols.wake().Basic, name)


DEFERRED: dict[str, type[Deferred]] = {
    "scipy.signal": Signals,
    "sympy": Symbols,
    "torch._dynamo": Compiler,
    "torchmetrics.utilities.plot": MetricPlots,
}
