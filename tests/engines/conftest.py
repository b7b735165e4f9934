"""The two stacks that have the bits of lone runs; lets the tests of this folder import what stands beside them."""

import sys
from pathlib import Path

import pytest

from descentlab.engines.compiled_stack import CompiledStack
from descentlab.engines.stack import Stack

sys.path.insert(0, str(Path(__file__).parent))

from bits import needs_known_bits


@pytest.fixture(params=[Stack, pytest.param(CompiledStack, marks=needs_known_bits)])
def kind(request: pytest.FixtureRequest) -> type[Stack]:
    """The recorded stack and the compiled one: the same bits."""
    return request.param
