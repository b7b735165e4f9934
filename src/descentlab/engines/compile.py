"""A recorded program and the optimiser's updates as one Python function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def compile_step(
    lines: Iterable[str], result: str, arguments: Iterable[str], names: Iterable[str]
) -> Callable[..., Callable[..., Any]]:
    """The maker of the function `step(*arguments) -> result` that performs `lines`.

    Args:
        lines: Python statements.
        result: the expression to return.
        arguments: names that are given anew at every call of the step.
        names: names that are given once, to the maker, as keyword arguments.
    """
    body = "\n        ".join([*lines, f"return {result}"])
    source = (
        f"def make(*, {', '.join(names)}):\n    def step({', '.join(arguments)}):\n        {body}\n    return step\n"
    )
    namespace: dict[str, Any] = {}
    exec(compile(source, "<recorded step>", "exec"), namespace)
    maker: Callable[..., Callable[..., Any]] = namespace["make"]
    return maker
