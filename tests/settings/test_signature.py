"""The signature reader finds what a target takes, where Python itself would find it, without importing it."""

import inspect
from typing import get_args

import pytest

from descentlab.errors import InputError
from descentlab.settings.signature import signature_of
from descentlab.targets import locate

READ_AS_PYTHON_DOES = [
    "descentlab.functional.losses.huber",  # a function, decorated
    "descentlab.generators.kink.kink",  # keyword-only parameters
    "descentlab.modules.relu_net.ReLUNetRegression",  # a class with its own __init__, and **training
    "descentlab.data.table.TableDataModule",  # a class with defaults
    "descentlab.callbacks.validation.Validation",
    "descentlab.callbacks.progress.Progress",
    "torch.optim.SGD",  # a class that a package imports from a module of its own
    "torch.optim.lr_scheduler.StepLR",
    "torch.nn.MSELoss",  # imported by a star, its __init__ that of its base
    "lightning.pytorch.callbacks.LearningRateMonitor",
]


@pytest.mark.parametrize("target", READ_AS_PYTHON_DOES)
def test_the_names_are_those_that_python_finds(target):
    found = inspect.signature(inspect.unwrap(locate(target))).parameters.values()
    named = [parameter.name for parameter in found if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
    assert list(signature_of(target).parameters) == named


@pytest.mark.parametrize("target", READ_AS_PYTHON_DOES)
def test_required_are_those_without_a_default(target):
    found = inspect.signature(inspect.unwrap(locate(target))).parameters.values()
    required = {
        parameter.name
        for parameter in found
        if parameter.default is inspect.Parameter.empty and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }
    read = signature_of(target).parameters
    assert {name for name, parameter in read.items() if parameter.required} == required


@pytest.mark.parametrize("target", READ_AS_PYTHON_DOES)
def test_a_target_takes_any_keyword_exactly_where_it_has_a_double_star(target):
    found = inspect.signature(inspect.unwrap(locate(target))).parameters.values()
    assert signature_of(target).takes_any is any(p.kind is inspect.Parameter.VAR_KEYWORD for p in found)


def test_an_annotation_with_a_range_is_read_whole():
    annotation = signature_of("descentlab.generators.kink.kink").parameters["num_samples"].annotation
    kind, limit = get_args(annotation)
    assert (kind, limit.ge) == (int, 1)


def test_an_alias_of_an_annotation_is_followed_to_the_module_that_makes_it():
    annotation = signature_of("descentlab.modules.relu_net.ReLUNetRegression").parameters["activation"].annotation
    assert "leaky_relu" in get_args(annotation)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            "descentlab.modules.linnear.LinearRegression",
            r"no module 'descentlab.modules.linnear'.* did you mean .*linear",
        ),
        ("descentlab.modules.linear.LinearRegresion", r"holds no 'LinearRegresion': did you mean LinearRegression"),
        ("nosuchpackage.thing", r"no package 'nosuchpackage'"),
    ],
    ids=["module", "name", "package"],
)
def test_a_target_that_is_not_there_is_answered_with_the_nearest(target, message):
    with pytest.raises(InputError, match=message):
        signature_of(target)
