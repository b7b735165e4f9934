"""Exported models: the predictions of the run, in the user's units, for any number of samples."""

import subprocess
import sys

import numpy
import pytest
import torch

from descentlab.errors import InputError
from descentlab.modules.linear import LinearRegression
from descentlab.runs.export import export
from descentlab.runs.judge import predict

STANDARDIZED = "data=table data.x=[1000,2000,3000,4000] data.y=[-5,0,4,9] data.standardize=true"
MODELS = {
    "line": "model=linear",
    "two features": "model=linear data=two_features",
    "cubic": "model=polynomial",
    "relu net": "model=relu_net model.hidden_width=5 model.bias=true",
    "wide net": "model=wide_net model.hidden_width=20",
    "in standard units": f"model=linear {STANDARDIZED}",
    "a net in standard units": f"model=relu_net model.bias=true {STANDARDIZED}",
}


def inputs(run, num_samples: int) -> torch.Tensor:
    features = run.settings["data"]["num_features"]
    scale = 1000.0 if run.settings["data"].get("standardize") else 1.0
    return scale * torch.randn(num_samples, features, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("overrides", MODELS.values(), ids=MODELS)
def test_an_exported_program_predicts_what_the_run_does_to_the_bit(trained, tmp_path, overrides):
    run = trained(*overrides.split(), "trainer.max_steps=20", "optimizer.lr=0.01")
    export(run.folder, tmp_path / "model.pt2")
    model = torch.export.load(tmp_path / "model.pt2").module()
    for num_samples in (1, 2, 7):
        x = inputs(run, num_samples)
        assert model(x)[:, 0].tolist() == predict(run.folder, x)
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt2"]


def test_a_module_that_predicts_in_a_way_of_its_own_is_exported_as_it_predicts(trained, tmp_path, monkeypatch):
    run = trained("model=linear", "trainer.max_steps=20")
    monkeypatch.setattr(LinearRegression, "forward", lambda module, x: torch.exp(module.net(x)))
    export(run.folder, tmp_path / "model.pt2")
    x = inputs(run, 3)
    assert torch.export.load(tmp_path / "model.pt2").module()(x)[:, 0].tolist() == predict(run.folder, x)


def test_the_best_checkpoint_can_be_exported(trained, tmp_path):
    run = trained("model=linear", "data=noise", "data.num_samples=4", "logger.every=1", "trainer.max_steps=60")
    export(run.folder, tmp_path / "best.pt2", "best")
    x = inputs(run, 3)
    assert torch.export.load(tmp_path / "best.pt2").module()(x)[:, 0].tolist() == predict(run.folder, x, "best")


def test_an_exported_program_needs_no_descentlab(trained, tmp_path):
    run = trained("model=linear", "trainer.max_steps=20", "optimizer.lr=0.01")
    export(run.folder, tmp_path / "model.pt2")
    program = (
        "import sys, torch\n"
        "sys.modules['descentlab'] = None\n"
        "print(torch.export.load('model.pt2').module()(torch.tensor([[0.5]])).item())"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert [float(done.stdout)] == predict(run.folder, torch.tensor([[0.5]]))


@pytest.mark.parametrize("overrides", MODELS.values(), ids=MODELS)
def test_an_onnx_graph_predicts_what_the_run_does(trained, tmp_path, overrides):
    pytest.importorskip("onnxscript", reason="pip install -e '.[onnx]'")
    reference = pytest.importorskip("onnx.reference", reason="pip install -e '.[onnx]'")
    run = trained(*overrides.split(), "trainer.max_steps=20", "optimizer.lr=0.01")
    export(run.folder, tmp_path / "model.onnx")
    x = inputs(run, 7)
    with numpy.errstate(over="ignore", invalid="ignore"):  # in the reference's own sigmoid
        (found,) = reference.ReferenceEvaluator(str(tmp_path / "model.onnx")).run(None, {"x": x.numpy()})
    torch.testing.assert_close(torch.tensor(found)[:, 0], torch.tensor(predict(run.folder, x)), rtol=1e-5, atol=1e-6)


def test_another_kind_of_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"to: expected a file that ends in \.pt2 or \.onnx, got model\.pth"):
        export(tmp_path, tmp_path.__class__("model.pth"))
