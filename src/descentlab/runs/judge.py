"""Metrics and predictions of a run that has ended."""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from descentlab.errors import InputError
from descentlab.modules.regression import RegressionModule
from descentlab.runs.load import load_data, load_module


def evaluate(folder: Path, checkpoint: str = "last") -> dict[str, dict[str, float]]:
    """Loss and mean squared error on the training, validation and test points, in the user's units.

    Args:
        folder: of the run; model and data are rebuilt from it alone.
        checkpoint: `last`, or `best` by validation loss.

    Returns:
        By stage (train, val, test, where there are points) and metric (loss, mse).
    """
    module, data = load_module(folder, checkpoint), load_data(folder)
    with torch.no_grad():
        return {
            stage: {name: float(value) for name, value in module.metrics(*points).items()}
            for stage, points in data.stages().items()
        }


def predict(folder: Path, x: Float[Tensor, "sample feature"], checkpoint: str = "last") -> list[float]:
    """The predictions of a run's model for inputs in the user's units, one a sample.

    Raises:
        InputError: x has another number of features than the model.
    """
    return predictions(load_module(folder, checkpoint), x)[:, 0].tolist()


def predictions(module: RegressionModule, x: Float[Tensor, "sample feature"]) -> Float[Tensor, "sample target"]:
    """The predictions of a run's module for inputs in the user's units, in the user's units.

    Raises:
        InputError: x has another number of features than the model.
    """
    assert module.config is not None
    expected = module.config["model"].get("num_features", x.shape[1])
    if x.shape[1] != expected:
        raise InputError(f"x: expected {expected} features a sample, got {x.shape[1]}.")
    with torch.no_grad():
        return module.predict(x)
