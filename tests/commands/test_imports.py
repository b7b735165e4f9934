"""What the command line imports: little before it says no, and nothing for its own sake to train."""

import json
import os
import subprocess
import sys

import pytest

TRAIN = """
import json, sys
from descentlab.commands.train import main
code = 0
try:
    main()
except SystemExit as end:
    code = end.code
print(json.dumps({"code": code, "modules": sorted(sys.modules)}))
"""

PACKAGES = {
    "PIL": "torchmetrics looks whether Pillow is there",
    "absl": "TensorBoard",
    "annotated_types": "the ranges of settings",
    "antlr4": "Hydra's grammar",
    "attr": "installed beside pytest and looked at by others",
    "cuda": "torch, where it is built for GPUs",
    "descentlab": "",
    "fsspec": "Lightning's files",
    "google": "protobuf",
    "hydra": "",
    "hydra_plugins": "",
    "jaxtyping": "",
    "lightning": "",
    "lightning_utilities": "",
    "numpy": "",
    "omegaconf": "",
    "orjson": "the numbers of history.csv as text",
    "packaging": "",
    "pydantic": "the check of settings",
    "pydantic_core": "",
    "scipy": "its __init__ only: torchmetrics looks for scipy.signal",
    "setuptools": "",
    "tensorboard": "",
    "torch": "",
    "torchgen": "torch",
    "torchmetrics": "Lightning",
    "tqdm": "the progress bar",
    "triton": "torch, where it is built for GPUs",
    "typing_extensions": "",
    "typing_inspection": "pydantic",
    "yaml": "",
}
"""Packages beside the standard library that a run may import, with the reason where the name does not say it."""

UNEXECUTED = ["torch._dynamo", "torchmetrics.utilities.plot", "scipy.signal"]

HEAVY = [
    "matplotlib",
    "pandas",
    "plotly",
    "scipy.stats",
    "sympy.core",
    "tensorflow",
    "torch._dynamo.eval_frame",
    "torch._inductor",
    "torchvision",
]
"""Must not be imported by a run."""


def imported_by(tmp_path, *arguments):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHONPATH", "COVERAGE"))}
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, *arguments], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    return json.loads(done.stdout.splitlines()[-1]), done


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    seen, done = imported_by(tmp_path_factory.mktemp("run"), "model=relu_net", "trainer.max_steps=100", "figures=false")
    assert seen["code"] == 0, done.stderr
    return set(seen["modules"])


def test_a_run_imports_no_package_that_is_not_listed(run):
    packages = {name.partition(".")[0] for name in run} - sys.stdlib_module_names
    unlisted = {name for name in packages - set(PACKAGES) if not name.startswith("_")}
    assert unlisted - {"__main__", "__mp_main__", "cython_runtime"} == set()


@pytest.mark.parametrize("name", HEAVY)
def test_a_run_imports_nothing_heavy(run, name):
    assert name not in run


def test_a_sweep_of_compiled_steps_imports_nothing_heavy_either(tmp_path):
    given = ("-m", "model=relu_net", "seed=range(0,3)", "trainer.max_steps=5", "trainer.engine=compiled")
    seen, done = imported_by(tmp_path, *given, "hydra.launcher.workers=1")
    assert seen["code"] == 0, done.stderr
    assert (tmp_path / "outputs").is_dir()
    assert {*HEAVY, "PIL.Image"} & set(seen["modules"]) == set()


@pytest.mark.parametrize("name", UNEXECUTED)
def test_a_run_leaves_unexecuted_what_it_does_not_need(run, name):
    assert name in run
    assert not [other for other in run if other.startswith(f"{name}.")]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["modle=relu_net"], 2),
        (["model=relu_nett"], 2),
        (["optimizer.lr=-1"], 2),
        (["--help"], 0),
        (["model=linear", "-h"], 0),
        (["model=linear", "--cfg", "job"], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_an_answer_without_training_imports_neither_torch_nor_lightning(tmp_path, arguments, code):
    seen, done = imported_by(tmp_path, *arguments)
    assert seen["code"] == code, done.stderr
    assert {"torch", "lightning", "numpy", "tensorboard"} & set(seen["modules"]) == set()


def test_help_shows_how_to_call_it_and_the_choices_of_every_group(tmp_path):
    _, done = imported_by(tmp_path, "--help")
    for word in ("experiment=cubic", "optimizer", "rmsprop", "kink_two_relu", "cosine"):
        assert word in done.stdout
