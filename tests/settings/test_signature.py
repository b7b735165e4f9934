"""The signature reader finds what a target takes, where Python itself would find it, without importing it."""

import inspect
from typing import get_args

import pytest

from descentlab.errors import InputError
from descentlab.settings.check import check_value
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
        (
            "descentlab.nets.wide_net",
            r"descentlab\.nets\.wide_net is a module, .* Valid: descentlab\.nets\.wide_net\.Wi",
        ),
        ("nosuchpackage.thing", r"no package 'nosuchpackage'"),
    ],
    ids=["module", "name", "no class", "package"],
)
def test_a_target_that_is_not_there_is_answered_with_the_nearest(target, message):
    with pytest.raises(InputError, match=message):
        signature_of(target)


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Writes modules that are found in this package, and not imported."""

    def write(**texts):
        files = {f"descentlab.own.{name}": tmp_path / f"{name}.py" for name in texts}
        for file, text in zip(files.values(), texts.values(), strict=True):
            file.write_text(text)
        monkeypatch.setattr("descentlab.settings.signature._source_file", files.__getitem__)

    return write


def test_modules_that_import_all_of_each_other_are_read_once(modules):
    modules(one="from descentlab.own.two import *", two="from .one import *\ndef fit(lr: float): ...")
    assert list(signature_of("descentlab.own.one.fit").parameters) == ["lr"]
    with pytest.raises(InputError, match=r"own\.one holds no 'fitt'"):
        signature_of("descentlab.own.one.fitt")


def test_modules_that_import_a_name_of_each_other_do_not_hold_it(modules):
    modules(three="from .four import Net", four="from .three import Net")
    with pytest.raises(InputError, match="holds no 'Net'"):
        signature_of("descentlab.own.three.Net")


def test_aliases_of_modules_that_import_each_other_are_followed(modules):
    typing = "from typing import Literal, TYPE_CHECKING\nif TYPE_CHECKING:\n  "
    modules(
        five=f"{typing}from .six import Size\nKind = Literal['x']\ndef fit(size: Size): ...",
        six=f"{typing}from .five import Kind\nSize = Literal[1, 2]\ndef other(kind: Kind): ...",
    )
    assert get_args(signature_of("descentlab.own.five.fit").parameters["size"].annotation) == (1, 2)
    assert get_args(signature_of("descentlab.own.six.other").parameters["kind"].annotation) == ("x",)


SPELT = {
    "a module": ("import typing\nimport annotated_types", "typing.Annotated[int, annotated_types.Ge(1)]"),
    "another name of it": ("import typing as t, annotated_types as at", "t.Annotated[int, at.Ge(1)]"),
    "a name given to it": (
        "import typing\nimport annotated_types as at\nWidth = typing.Annotated[int, at.Ge(1)]",
        "Width",
    ),
    "a declared name": (
        "import typing\nfrom annotated_types import Ge\nWidth: typing.TypeAlias = typing.Annotated[int, Ge(1)]",
        "Width",
    ),
    "pydantic's": ("import pydantic", "pydantic.PositiveInt"),
    "imported from pydantic": ("from pydantic import PositiveInt as Count", "Count"),
    "a text": ("from annotated_types import Ge\nimport typing", '"typing.Annotated[int, Ge(1)]"'),
    "an option": ("import typing\nfrom pydantic import PositiveInt", "typing.Optional[PositiveInt]"),
    "a choice": ("import typing as t", "t.Literal[1, 2]"),
}
"""Ways to write a type that holds 1, and neither 0 nor a word: what a module imports and assigns, and the type."""


@pytest.mark.parametrize(("head", "annotation"), SPELT.values(), ids=SPELT)
def test_a_type_is_read_however_it_is_spelt(modules, head, annotation):
    name = f"spelt{list(SPELT.values()).index((head, annotation))}"
    modules(**{name: f"{head}\ndef fit(width: {annotation}): ..."})
    read = signature_of(f"descentlab.own.{name}.fit").parameters["width"].annotation
    assert check_value(1, read, "width") == 1
    for wrong in (0, "word"):
        with pytest.raises(InputError, match=r"^width: expected"):
            check_value(wrong, read, "width")


LISTED = {
    "from typing import Iterable": "Iterable[int]",
    "from collections.abc import Iterable as Many": "Many[int] | None",
    "import collections.abc": "collections.abc.Iterable[int]",
    "from collections import abc": "abc.Iterable[int]",
    "import typing": "typing.Optional[typing.Iterable[int]]",
}
"""Ways to write a type of numbers that may come one by one: what a module imports, and the type."""


@pytest.mark.parametrize("head", LISTED)
def test_numbers_that_may_come_one_by_one_are_a_list(modules, head):
    name = f"listed{list(LISTED).index(head)}"
    modules(**{name: f"{head}\ndef fit(steps: {LISTED[head]}): ..."})
    read = signature_of(f"descentlab.own.{name}.fit").parameters["steps"].annotation
    assert check_value([1, 2], read, "steps") == [1, 2]
    with pytest.raises(InputError, match=r"^steps\.1: expected a valid integer, got 'two'"):
        check_value([1, "two"], read, "steps")
