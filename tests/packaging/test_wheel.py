"""The installed package: a wheel, built without a network, in an environment that has no checkout."""

import csv
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
OWN_MODEL = "defaults: [linear, _self_]\ninitial_coefficients: [1.0, 2.0]\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    pytest.importorskip("hatchling", reason="the wheel is built by hatchling: pip install -e '.[dev]'")
    source = tmp_path_factory.mktemp("source")  # hatchling asks git what is ignored, so it is given a copy
    for name in ("src", "conf"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Types `descentlab <arguments>` in a folder, in an environment that sees the libraries and no checkout."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    (packages / "libraries.pth").write_text(f"{Path(torch.__file__).parents[1]}\n")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    done = subprocess.run([*command, str(wheel)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "HYDRA", "DESCENTLAB"))}

    def typed(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(home / "bin" / "descentlab"), *arguments],
            cwd=folder,
            env=kept,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    return typed


def test_the_wheel_holds_every_config_and_every_module(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    configs = {f"descentlab/conf/{file.relative_to(ROOT / 'conf')}" for file in (ROOT / "conf").rglob("*.yaml")}
    modules = {str(file.relative_to(ROOT / "src")) for file in (ROOT / "src").rglob("*.py")}
    assert configs | modules | {"descentlab/py.typed"} <= set(names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"descentlab", "hydra_plugins"}


def test_a_run_is_trained_and_judged_in_an_empty_folder(installed, tmp_path):
    trained = installed(tmp_path, "train", "model=relu_net", "trainer.max_steps=20", "figures=false")
    assert (trained.returncode, trained.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]
    (folder,) = (tmp_path / "outputs" / "runs" / "relu_net").iterdir()
    judged = installed(tmp_path, "evaluate", f"run={folder}")
    assert (judged.returncode, judged.stderr) == (0, "")
    shown = {line.split()[0]: line.split()[1] for line in trained.stdout.splitlines()}
    assert judged.stdout.splitlines()[1].split()[:2] == ["train", shown["train/loss"]]


def test_a_sweep_over_a_config_of_the_users_own(installed, tmp_path):
    """`linear` of the user's folder is taken for the package's, `mine` builds on it."""
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text(OWN_MODEL)
    own = (ROOT / "conf" / "model" / "linear.yaml").read_text().replace("data: americano", "data: line")
    (tmp_path / "conf" / "model" / "linear.yaml").write_text(own)
    arguments = ["--config-dir", "conf", "-m", "model=mine", "optimizer.lr=0.1,0.2", "trainer.max_steps=0"]
    done = installed(tmp_path, "train", *arguments, "hydra.sweep.dir=sweep")
    assert (done.returncode, done.stderr) == (0, "")
    with open(tmp_path / "sweep" / "sweep.csv", newline="") as file:
        assert [(row["w0"], row["w1"]) for row in csv.DictReader(file)] == [("1.0", "2.0")] * 2
    assert "generators.line.line" in (tmp_path / "sweep" / "0" / "config.yaml").read_text()
    assert f"descentlab train --config-dir {tmp_path / 'conf'} model=mine" in done.stdout


def test_the_program_names_its_commands_and_itself(installed, tmp_path):
    assert "  train " in installed(tmp_path, "--help").stdout
    assert "descentlab predict run=" in installed(tmp_path, "predict", "--help").stdout
    unknown = installed(tmp_path, "trian")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith("error: trian: there is no such command; did you mean train? Valid: ")
    assert list(tmp_path.iterdir()) == []
