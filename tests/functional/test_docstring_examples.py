"""The examples in the docstrings of `functional` print what they say."""

import doctest
import importlib
import pkgutil

import pytest

import descentlab.functional

MODULES = [f"descentlab.functional.{found.name}" for found in pkgutil.iter_modules(descentlab.functional.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", ["losses", "gradients"])
def test_the_lessons_told_as_examples_are_there(name):
    assert doctest.testmod(importlib.import_module(f"descentlab.functional.{name}")).attempted > 0
