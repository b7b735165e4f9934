"""What every test stands on: checked shapes, one torch thread, repeatable property tests, discovery.

A test that takes `any_loss`, `any_generator`, `any_net` or `any_linear_net` runs for each there is, as found by
`discovery`; `any_experiment` and `any_choice` are the files of `conf`, `any_lesson` the experiments that are lessons.
"""

import csv
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis
import lightning.pytorch  # noqa: F401  before the hook, which compiles anew whatever is imported under it
import pydantic  # noqa: F401  likewise
import pytest
import scipy.special  # noqa: F401  likewise
import torch
import torch.utils.tensorboard

sys.path.insert(0, str(Path(__file__).parent))  # for `checked_types`, `discovery`, `pretend_device`
from checked_types import check_types_of

check_types_of("descentlab")  # before any of its modules is imported
import discovery  # noqa: E402  the hook comes first

torch.set_num_threads(1)  # the nets are small: more threads cost more than they bring

hypothesis.settings.register_profile("descentlab", max_examples=25, deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("descentlab")


@dataclass(frozen=True)
class EndedRun:
    """A run that has ended, and what it left in its folder."""

    settings: dict[str, Any]
    folder: Path

    @cached_property
    def result(self) -> dict[str, Any]:
        return json.loads((self.folder / "result.json").read_text())

    @cached_property
    def rows(self) -> list[dict[str, str]]:
        """The rows of history.csv, as text."""
        with open(self.folder / "history.csv", newline="") as file:
            return list(csv.DictReader(file))

    def column(self, name: str) -> torch.Tensor:
        """A column of history.csv in float32, the precision it was computed in; NaN where a row has none."""
        return torch.tensor([float(row[name] or "nan") for row in self.rows])

    def coefficients(self) -> torch.Tensor:
        """The columns w0, w1, … of history.csv: (row, coefficient)."""
        names = [name for name in self.rows[0] if name[0] == "w" and name[1:].isdigit()]
        return torch.stack([self.column(name) for name in names], dim=1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    discovered: dict[str, tuple[Callable[[], list[Any]], Callable[[Any], str]]] = {
        "any_loss": (discovery.every_loss, lambda found: found.function.__name__),
        "any_generator": (discovery.every_generator, lambda found: found.function.__name__),
        "any_net": (discovery.every_net, str),
        "any_linear_net": (discovery.every_linear_net, str),
        "any_experiment": (discovery.every_experiment, str),
        "any_lesson": (discovery.every_lesson, str),
        "any_choice": (discovery.every_choice, str),
    }
    for name, (discover, identify) in discovered.items():
        if name in metafunc.fixturenames:
            found = discover()
            assert found, f"no module was found for {name}"
            metafunc.parametrize(name, found, ids=[identify(one) for one in found])


@pytest.fixture(scope="session", name="example_value")
def example_value_fixture() -> Callable[[Any], Any]:
    """Gives a sensible value for one annotated setting."""
    return discovery.example_value


@pytest.fixture(scope="session", autouse=True)
def native_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Native steps are compiled once a test run, whichever of its processes asks first, and never for the user."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(shared / "cache"))
        yield


@pytest.fixture(scope="session", autouse=True)
def imports_are_executed() -> Iterator[None]:
    """A command that a test types in this process defers no import: other tests import in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("descentlab.commands.entry.defer", lambda: None)
        yield


@pytest.fixture
def hold_in_a_child() -> Iterator[Callable[[Path], int]]:
    """Starts a process that holds a folder until it is killed, at the latest after the test; gives its number."""
    from descentlab.runs.lock import hold

    children = []

    def start(folder: Path) -> int:
        reader, writer = os.pipe()
        if (child := os.fork()) == 0:
            with hold(folder):
                os.write(writer, b".")
                time.sleep(600)
            os._exit(0)
        children.append(child)
        os.read(reader, 1)
        return child

    yield start
    for child in children:
        os.kill(child, signal.SIGKILL)  # one that was killed is not yet waited for
        os.waitpid(child, 0)


@pytest.fixture
def float64_by_default() -> Iterator[None]:
    """Torch's default dtype is float64 for the length of one test."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.fixture(params=["pretended", pytest.param("gpu", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> Iterator["torch.device"]:
    """A device besides the CPU: one of which this process alone knows, and a GPU."""
    from pretend_device import pretending

    if request.param == "gpu":
        if not torch.cuda.is_available():
            pytest.skip("there is no GPU")
        yield torch.device("cuda", 0)
    else:
        with pretending() as device:
            yield device


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., EndedRun]:
    """A run of what the overrides compose; made once, so a test may read its folder but not change it."""
    from descentlab.runs.train import train
    from descentlab.settings.compose import compose

    ended: dict[tuple[str, ...], EndedRun] = {}

    def run(*overrides: str) -> EndedRun:
        if overrides not in ended:
            folder = tmp_path_factory.mktemp("run")
            settings = compose(overrides)
            train(settings, folder)
            ended[overrides] = EndedRun(settings, folder)
        return ended[overrides]

    return run


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The folder of a sweep, typed with the overrides and made once: a test may write into a copy of it alone."""
    from hydra.core.global_hydra import GlobalHydra

    from descentlab.commands.train import main

    ended: dict[tuple[str, ...], Path] = {}

    def run(*overrides: str) -> Path:
        if overrides not in ended:
            folder = tmp_path_factory.mktemp("sweeps") / "sweep"
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sys, "argv", ["scripts/train.py", "-m", *overrides, f"hydra.sweep.dir={folder}"])
                patch.setattr("descentlab.commands.sweep.add_to_boards_in_background", lambda folders: None)
                patch.setenv("HYDRA_FULL_ERROR", "1")
                GlobalHydra.instance().clear()  # which other tests may have left initialised
                with pytest.raises(SystemExit) as end:
                    main()
                assert not end.value.code
            ended[overrides] = folder
        return ended[overrides]

    return run


@pytest.fixture(scope="session")
def train_with() -> Callable[..., Any]:
    """Trains what the overrides compose with callbacks that no config may name: those of a test."""
    from descentlab.runs import assemble
    from descentlab.runs.train import train
    from descentlab.settings.compose import compose

    def run(folder: Path, callbacks: list[Any], *overrides: str) -> EndedRun:
        settings = compose(overrides)
        built = assemble.build_callbacks
        with mock.patch.object(assemble, "build_callbacks", lambda given: [*callbacks, *built(given)]):
            train(settings, folder)
        return EndedRun(settings, folder)

    return run


@pytest.fixture(scope="session")
def ended_run() -> Callable[[Path], EndedRun]:
    """Reads the folder of a run that another process has trained."""
    from descentlab.settings.compose import read_settings

    return lambda folder: EndedRun(read_settings(folder / "config.yaml"), folder)
