"""Constructors that are asked for their signature for every object they make."""

import inspect
from typing import TypeVar

Class = TypeVar("Class", bound=type)


def with_known_signature(cls: Class) -> Class:
    """The class, with the signature of its constructor noted where `inspect.signature` looks first.

    Lightning's `save_hyperparameters` asks twice for that of each constructor on the stack, which takes as long as
    all else that makes a small module.
    """
    constructor = cls.__init__  # type: ignore[misc]
    constructor.__signature__ = inspect.signature(constructor)
    return cls
