"""Every loss, generator, net and file of `conf` that there is, found by walking the rooms.

The settings are read from their signatures, so that a new file is tested without being listed anywhere; a module
of `nets` without `num_features` is a part of a net, not one.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import torch
from annotated_types import Ge, Gt

from descentlab.errors import InputError

CONF = Path(__file__).resolve().parents[1] / "conf"


def example_value(annotation: Any) -> Any:
    """A sensible value for one annotated setting: a bound and one more, a first choice, None if allowed."""
    if get_origin(annotation) is Annotated:
        kind, *limits = get_args(annotation)
        lower = [limit.ge if isinstance(limit, Ge) else limit.gt for limit in limits if isinstance(limit, Ge | Gt)]
        return kind(lower[0] + 1) if lower else example_value(kind)
    if get_origin(annotation) is Literal:
        return get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        return None if type(None) in get_args(annotation) else example_value(get_args(annotation)[0])
    return {bool: True, int: 2, float: 1.5, str: "name"}[annotation]


def other_choices(annotation: Any) -> list[Any]:
    """The values of a switch (a bool, a Literal) beside its `example_value`."""
    if annotation is bool:
        return [False]
    return list(get_args(annotation)[1:]) if get_origin(annotation) is Literal else []


def annotated_settings(target: Callable[..., Any]) -> dict[str, Any]:
    """The annotation of each parameter of a function, or of a class's constructor, by name."""
    hints = get_type_hints(target.__init__ if inspect.isclass(target) else target, include_extras=True)
    return {name: hints[name] for name in inspect.signature(target).parameters}


def modules_of(package_name: str) -> list[ModuleType]:
    """All modules of a room."""
    package = importlib.import_module(package_name)
    names = [found.name for found in pkgutil.iter_modules(package.__path__)]
    return [importlib.import_module(f"{package_name}.{name}") for name in names]


@dataclass(frozen=True)
class AnyLoss:
    """One loss, called with example settings (such as huber's delta) scaled by `unit`."""

    function: Callable[..., Any]

    def __call__(self, prediction: torch.Tensor, target: torch.Tensor, unit: float = 1.0) -> torch.Tensor:
        hints = list(annotated_settings(self.function).items())[2:]
        settings = {name: example_value(hint) for name, hint in hints}
        scaled = {k: v * unit if isinstance(v, float) else v for k, v in settings.items()}
        return self.function(prediction, target, **scaled)


@dataclass(frozen=True)
class AnyGenerator:
    """One generator, drawn from with example settings."""

    function: Callable[..., Any]

    @property
    def takes_coefficients(self) -> bool:
        return "coefficients" in annotated_settings(self.function)

    def draw(self, seed: int = 0, **given: Any) -> Any:
        return self.draw_from(torch.Generator().manual_seed(seed), **given)

    def draw_from(self, stream: torch.Generator, **given: Any) -> Any:
        hints = annotated_settings(self.function)
        names = [name for name in hints if name not in ("generator", "coefficients", *given)]
        settings = {name: example_value(hints[name]) for name in names} | given
        if not self.takes_coefficients or "coefficients" in given:
            return self.function(stream, **settings)
        for count in range(1, 10):  # how many a law has, only the generator knows
            try:
                return self.function(stream, **settings, coefficients=[float(k) for k in range(1, count + 1)])
            except InputError:
                continue
        raise AssertionError(f"{self.function.__name__} takes no count of coefficients from 1 to 9")


@dataclass(frozen=True)
class AnyNet:
    """One net with one choice of its switches; each call builds it anew, from a global seed, as it predicts."""

    family: type[torch.nn.Module]
    num_features: int
    choices: dict[str, Any] = field(default_factory=dict)

    def __call__(self, seed: int = 0, **given: Any) -> Any:
        settings = {name: example_value(hint) for name, hint in annotated_settings(self.family).items()}
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return self.family(**settings | {"num_features": self.num_features} | self.choices | given).eval()

    def __str__(self) -> str:
        words = [f"{name}={value}" for name, value in self.choices.items()]
        return "-".join([self.family.__name__, str(self.num_features), *words])


def every_loss() -> list[AnyLoss]:
    modules = modules_of("descentlab.functional")
    public = [value for module in modules for name, value in vars(module).items() if not name.startswith("_")]
    functions = list(dict.fromkeys(value for value in public if inspect.isfunction(value)))
    of_points = [f for f in functions if [*inspect.signature(f).parameters][:2] == ["prediction", "target"]]
    return [AnyLoss(f) for f in of_points if get_type_hints(f)["return"] is not type(None)]


def every_generator() -> list[AnyGenerator]:
    draw = importlib.import_module("descentlab.generators.draw").Draw
    functions = [
        getattr(module, module.__name__.rpartition(".")[2], None) for module in modules_of("descentlab.generators")
    ]
    return [
        AnyGenerator(function)
        for function in functions
        if inspect.isfunction(function) and get_type_hints(function)["return"] is draw
    ]


def every_net() -> list[AnyNet]:
    families = [
        value
        for module in modules_of("descentlab.nets")
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, torch.nn.Module) and not inspect.isabstract(value)
        if value.__module__ == module.__name__ and "num_features" in inspect.signature(value).parameters
    ]
    nets = []
    for family in families:
        hints = annotated_settings(family)
        switched = [{name: value} for name in hints for value in other_choices(hints[name])]
        for num_features in (1, 3):
            nets += [AnyNet(family, num_features, choices) for choices in ({}, *switched)]
    return [net for net in nets if builds(net)]


def builds(net: AnyNet) -> bool:
    """Whether the family takes so many features: one may refuse some with an InputError."""
    try:
        net()
    except InputError:
        return False
    return True


def every_linear_net() -> list[AnyNet]:
    base = importlib.import_module("descentlab.nets.linear_in_parameters").LinearInParameters
    return [net for net in every_net() if issubclass(net.family, base)]


def every_experiment() -> list[str]:
    return sorted(file.stem for file in (CONF / "experiment").glob("*.yaml"))


def every_lesson() -> list[str]:
    """The experiments that say so; those of one's own are none."""
    files = (CONF / "experiment").glob("*.yaml")
    return sorted(file.stem for file in files if "\n# Lesson " in file.read_text(encoding="utf-8"))


def every_choice() -> list[str]:
    files = [file for file in CONF.glob("*/*.yaml") if file.parent.name != "experiment"]
    return sorted(f"{file.parent.name}={file.stem}" for file in files)
