"""Histograms of weights, biases, gradients and hidden activations, to TensorBoard."""

from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Ge
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from descentlab.callbacks.observation import Observation, observe_run
from descentlab.callbacks.steps import StepCallback
from descentlab.modules.regression import RegressionModule


class Histograms(StepCallback):
    """Logs how weights, biases, gradients and hidden activations are spread, at the start, every
    `every` steps and at the end; values that are not finite are left out.

    Args:
        every: gradient steps between two.
        bins: of each histogram.
    """

    def __init__(self, every: Annotated[int, Ge(1)], bins: Annotated[int, Ge(1)] = 64) -> None:
        super().__init__(every)
        self.bins = bins

    def look(self, trainer: Trainer, module: RegressionModule, step: int) -> None:
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                add_histograms(logger.experiment, module, observe_run(trainer, module), step, self.bins)


def add_histograms(board: SummaryWriter, module: RegressionModule, seen: Observation, step: int, num_bins: int) -> None:
    """Write the histograms of one step.

    Args:
        board: where to.
        module: as it is at the step; its parameters are shown.
        seen: of it: its gradients and activations are shown.
        step: gradient updates made.
        num_bins: of each histogram.
    """
    spread: dict[str, Tensor] = {
        **{_tag("parameters", name): p.detach() for name, p in module.net.named_parameters()},
        **{_tag("gradients", name): gradient for name, gradient in seen.gradients.items()},
        **{_tag("activations", name): output for name, output in seen.activations.items()},
    }
    for tag, values in spread.items():
        finite = values[torch.isfinite(values)]
        if finite.numel():
            board.add_histogram(tag, finite, step, bins=bin_edges(finite, num_bins))


def bin_edges(values: Tensor, num_bins: int) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Edges of equally wide bins over finite values, a little wider where all values are one.

    NumPy widens by 1/2 then, which vanishes beside a value of 1e17, as a diverging net has it.
    """
    low, high = float(values.min()), float(values.max())
    margin = max(0.5, 1e-3 * abs(low)) if low == high else 0.0
    return np.linspace(low - margin, high + margin, num_bins + 1)


def _tag(kind: str, name: str) -> str:
    """`values/weights/hidden1` for the parameter hidden1.weight, `values/gradients/hidden1.weight`, …

    TensorBoard sorts by name and opens at the top, where the losses and the fit are to stand.
    """
    layer, _, last = name.rpartition(".")
    kinds = {"weight": "weights", "bias": "biases"}
    is_layer = kind == "parameters" and last in kinds and layer
    return f"values/{kinds[last]}/{layer}" if is_layer else f"values/{kind}/{name}"
