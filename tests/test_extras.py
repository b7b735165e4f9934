"""Packages that only some commands need."""

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from descentlab.extras import EXTRA_OF

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


@pytest.mark.parametrize("package", EXTRA_OF)
def test_the_extra_that_is_named_brings_the_package(package):
    extras = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    brought = {re.split("[<>=]", requirement)[0] for requirement in extras[EXTRA_OF[package]]}
    known = {name.lower() for name in packages_distributions().get(package, [])}
    assert brought & (known | {package.replace("_", "-")} | {f"{package}-skinny"})
