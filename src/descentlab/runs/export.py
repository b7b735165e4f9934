"""A trained model without this package: a program of torch.export, or a graph of ONNX."""

import io
import logging
import tempfile
import warnings
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from descentlab.errors import InputError, WriteError
from descentlab.extras import need
from descentlab.modules.regression import RegressionModule
from descentlab.runs.files import UNWRITABLE, write_whole, writing
from descentlab.runs.load import load_data, load_module

KINDS = (".pt2", ".onnx")


class Predictor(nn.Module):
    """What a trained module predicts: inputs and predictions are the user's.

    Args:
        module: whose predictions these are.
    """

    def __init__(self, module: RegressionModule) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Float[Tensor, "sample feature"]) -> Float[Tensor, "sample target"]:
        return self.module.predict(x)


def export(folder: Path, file: Path, checkpoint: str = "last") -> None:
    """Write the trained model of a run folder to a file that predicts for any number of samples.

    Args:
        folder: of the run.
        file: `….pt2`, read by `torch.export.load(file).module()`, or `….onnx`, read by ONNX Runtime and its like;
            each takes `x` (sample, feature) and gives (sample, target) in the user's units.
        checkpoint: `last`, or `best` by validation loss.

    Raises:
        InputError: another kind of file, one that cannot be, a package is missing, or the folder is no run's.
        WriteError: the disk takes no more.
    """
    if file.suffix not in KINDS:
        raise InputError(f"to: expected a file that ends in {' or '.join(KINDS)}, got {file}.")
    if file.suffix == ".onnx":
        need("onnxscript", f"to={file}")
    predictor = Predictor(load_module(folder, checkpoint)).eval()
    x = load_data(folder).stages()["train"].x[:1].repeat(2, 1)  # one sample alone would be taken for a constant
    samples = {"x": {0: torch.export.Dim("sample")}}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own insides
        program = torch.export.export(predictor, (x,), dynamic_shapes=samples)
        content = _saved(program) if file.suffix == ".pt2" else _as_onnx(program)
    try:
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, content)
    except WriteError as error:
        if error.errno in UNWRITABLE:
            raise
        raise InputError(f"to: expected a file that can be written, got {file} ({error.strerror}).") from error


def _saved(program: torch.export.ExportedProgram) -> memoryview:
    content = io.BytesIO()  # torch's own writer ends the process where the disk is full
    torch.export.save(program, content)
    return content.getbuffer()


def _as_onnx(program: torch.export.ExportedProgram) -> bytes:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        torch.onnx.export(
            program,
            (),
            file,
            input_names=["x"],
            output_names=["prediction"],
            external_data=False,
            verbose=False,
        )
        return file.read_bytes()
