"""Beside `run=`: what lets a run go on is taken, what changes what it computes is refused by name."""

import pytest

from descentlab.errors import InputError
from descentlab.settings.compose import compose
from descentlab.settings.extend import extended

OWN = ("model=linear", "trainer.max_steps=100", "optimizer.lr=0.05")


@pytest.fixture(scope="module")
def own():
    return compose(OWN)


def value(settings, key: str):
    for name in key.split("."):
        settings = settings[name]
    return settings


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("trainer.max_steps=200", 200),
        ("trainer.max_steps=100", 100),
        ("callbacks.checkpoint.every=7", 7),
        ("callbacks.scalars.every=7", 7),
        ("history.every=5", 5),
        ("figures=false", False),
        ("debug.trace=true", True),
        ("optimizer.lr=0.05", 0.05),
        ("optimizer.lr=5e-2", 0.05),
        ("seed=1", 1),
    ],
)
def test_what_goes_on_or_only_looks_is_taken(own, override, expected):
    key = override.partition("=")[0]
    changed = extended(own, [override])
    assert value(changed, key) == expected
    assert value(extended(changed, []), key) == expected


def test_nothing_else_changes_with_it(own):
    before = compose(OWN)
    changed = extended(own, ["trainer.max_steps=200"])
    assert own == before
    assert changed == {**own, "trainer": {**own["trainer"], "max_steps": 200}}


REFUSED = {
    "optimizer.lr=0.1": "optimizer.lr: expected the run's own, 0.05, got 0.1",
    "seed=2": "seed: expected the run's own, 1, got 2",
    "data.seed=2": "data.seed: expected the run's own, 1, got 2",
    "data.batch_size=3": "data.batch_size: expected the run's own, None, got 3",
    "trainer.engine=native": "trainer.engine: expected the run's own, 'auto', got 'native'",
    "trainer.max_steps=99": "trainer.max_steps: expected at least as many, 100, got 99",
    "logger.every=3": "logger.every: expected the run's own, 50, got 3",
    "callbacks.scalars.every=0": "callbacks.scalars.every: expected a value greater than or equal to 1, got 0",
    "optimizer.lr=-1": "optimizer.lr: expected a value greater than 0, got -1",
    "optimizer.lrr=1": "optimizer.lrr: there is no such key in this run; did you mean lr?",
    "optimiser.lr=1": "optimiser.lr: there is no such key in this run; did you mean optimizer?",
    "model=relu_net": "model: expected single settings beside run=, such as trainer.max_steps=…, got a choice",
    "optimizer=null": "optimizer: expected single settings beside run=",
    "optimizer.lr=1,2": "optimizer.lr=1,2: expected one value beside run=, got several",
    "+optimizer.lr=1": "+optimizer.lr=1: expected key=value beside run=",
    "~seed": "~seed: expected key=value beside run=",
    "optimizer.lr=[1": "optimizer.lr=[1: expected key=value, but it cannot be read",
    "hydra.run.dir=x": "hydra.run.dir: there is no such key in this run",
}


@pytest.mark.parametrize(("override", "message"), REFUSED.items(), ids=REFUSED)
def test_what_changes_the_run_is_refused_by_name(own, override, message):
    with pytest.raises(InputError) as refusal:
        extended(own, ["figures=false", override])
    assert str(refusal.value).startswith(message)
