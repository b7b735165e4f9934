"""docs/python.md: its blocks run in their order, as in a notebook."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import descentlab
from descentlab.errors import InputError
from descentlab.sweeps.fit import fit_stack

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_blocks_of_the_page_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(compile(block, "docs/python.md", "exec"), names)
    assert "optimizer.lrr: there is no such key; did you mean lr?" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faster", "outputs"]


def test_the_package_is_imported_without_torch():
    program = "import sys, descentlab; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_package_offers_what_it_lists():
    assert {name: getattr(descentlab, name).__name__ for name in descentlab.__all__} == {
        name: name for name in descentlab.__all__
    }
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        _ = descentlab.fitt


def test_a_fit_is_the_run_of_the_command_line(trained, tmp_path):
    overrides = ("model=relu_net", "optimizer=adam", "trainer.max_steps=20")
    fitted = descentlab.fit(*overrides, folder=tmp_path / "run")
    run = trained(*overrides)
    assert fitted.settings == run.settings
    assert (fitted.folder / "history.csv").read_text() == (run.folder / "history.csv").read_text()


def test_inputs_are_a_tensor_an_array_or_lists(tmp_path):
    line = descentlab.fit("model=linear", "data=line", "trainer.max_steps=5", folder=tmp_path / "run")
    w = line.result.coefficients
    expected = [[w["w0"] + w["w1"] * x] for x in (0.5, -1.0)]
    for x in ([0.5, -1.0], [[0.5], [-1.0]], np.array([0.5, -1.0]), torch.tensor([[0.5], [-1.0]])):
        assert line.predict(x).numpy() == pytest.approx(np.array(expected), rel=1e-6)
    with pytest.raises(InputError, match=r"x: expected 1 features a sample, got 2"):
        line.predict([[0.5, 1.0]])
    with pytest.raises(InputError, match=r"x: expected samples, or rows of features, got the shape \[\]"):
        line.predict(0.5)


def test_what_cannot_be_trained_leaves_no_folder(tmp_path):
    with pytest.raises(InputError, match=r"data: expected points"):
        descentlab.fit("data=table", "model=linear", folder=tmp_path / "run")
    with pytest.raises(InputError, match=r"fit: expected overrides, .* as one mapping, got dict, str; type fit\("):
        descentlab.fit({}, "model=linear")
    assert list(tmp_path.iterdir()) == []


def test_members_are_lists_of_overrides():
    with pytest.raises(InputError, match=r"got 'model=linear'; type \['model=linear'\]\."):
        descentlab.members(["model=linear"])


def test_a_stack_takes_the_schedules_of_its_members(tmp_path):
    jobs = [["model=linear", f"seed={seed}", "scheduler=cosine", "trainer.max_steps=30"] for seed in (3, 4)]
    members = descentlab.members(jobs)
    fit_stack(members)
    for member, overrides in zip(members, jobs, strict=True):
        alone = descentlab.fit(*overrides, folder=tmp_path / overrides[1])
        assert member.module.coefficients() == alone.result.coefficients
