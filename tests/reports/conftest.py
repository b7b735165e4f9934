"""Runs as the pictures see them."""

from collections.abc import Callable

import pytest

from descentlab.reports.subject import Subject

TWO_UNITS = ("experiment=kink_two_relu", "trainer.max_steps=200")
WIDE = ("experiment=kink_wide", "trainer.max_steps=30", "model.hidden_width=20")


@pytest.fixture(scope="session")
def drawn(trained: Callable) -> Callable[..., Subject]:
    """The subject of a run of what the overrides compose."""
    return lambda *overrides: Subject.of_run(trained(*overrides).folder)


@pytest.fixture(scope="session")
def two_units(drawn: Callable[..., Subject]) -> Subject:
    return drawn(*TWO_UNITS)


@pytest.fixture(scope="session")
def wide(drawn: Callable[..., Subject]) -> Subject:
    return drawn(*WIDE)


@pytest.fixture(scope="session")
def line(drawn: Callable[..., Subject]) -> Subject:
    return drawn("experiment=americano")
