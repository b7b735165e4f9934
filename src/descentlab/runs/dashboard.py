"""What the loggers are told of a run before it trains: the config, and which scalars belong together."""

from collections.abc import Mapping, Sequence
from typing import Any

from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from descentlab.runs.files import config_text
from descentlab.runs.hyperparameters import hyperparameters

STABILITY_LIMIT = "train/stability_limit"
"""The tag of the learning rate that gradient descent bears, 2 / lambda_max without momentum."""

LAYOUT: dict[str, dict[str, list[Any]]] = {
    "training": {
        "loss: training against validation": ["Multiline", ["^train/loss$", "^val/loss$"]],
        "gradient norm": ["Multiline", ["^train/gradient_norm$"]],
        "learning rate against the stability limit": ["Multiline", ["^train/lr$", f"^{STABILITY_LIMIT}$"]],
    },
    "parameters": {"coefficients": ["Multiline", ["^coefficients/"]]},
}
"""The charts of the Custom Scalars tab, and the tags of each as regular expressions."""


def log_dashboard(loggers: Sequence[Logger], settings: Mapping[str, Any]) -> None:
    """Write the layout of the Custom Scalars tab and the config as text to TensorBoard, the settings to others.

    Args:
        loggers: of the run; the CSV takes scalars alone.
        settings: of the run.
    """
    indented = "".join(f"    {line}\n" for line in config_text(settings).splitlines())  # a block of Markdown
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_custom_scalars(LAYOUT)
            logger.experiment.add_text("config", indented, 0)
        elif isinstance(logger, WandbLogger | MLFlowLogger):
            logger.log_hyperparams(hyperparameters(settings))
