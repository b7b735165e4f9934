"""A run read back from its folder alone."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from descentlab.data.points import PointsDataModule
from descentlab.errors import InputError
from descentlab.modules.regression import RegressionModule
from descentlab.runs.assemble import build_data, build_module
from descentlab.runs.files import TABLE, file_of
from descentlab.settings.compose import read_settings


def load_module(folder: Path, checkpoint: str = "last") -> RegressionModule:
    """The trained module of a run folder.

    Args:
        folder: of the run.
        checkpoint: `last`, or `best` by validation loss.

    Raises:
        InputError: the folder is no run's, or its checkpoint is missing, damaged or of another model.
    """
    settings = read_settings(file_of(folder, "config.yaml"))
    path = file_of(folder, f"checkpoints/{checkpoint}.ckpt")
    state = read_checkpoint(path)
    module = build_module(settings)
    try:
        module.load_state_dict(state["state_dict"])
        module.on_load_checkpoint(state)
    except (KeyError, TypeError, RuntimeError, AttributeError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: expected the weights of the model in config.yaml, but {reason}") from error
    return module.eval()


def check_weights(state: Mapping[str, Any], path: Path, module: RegressionModule) -> None:
    """Refuse a checkpoint to go on from whose weights are not those of a module.

    Args:
        state: the checkpoint, as `read_checkpoint` gives it.
        path: of it.
        module: which is left as it is.

    Raises:
        InputError: a weight is missing, is of another shape, or is none of the module's.
    """
    weights = state.get("current_model_state", state["state_dict"])  # `state_dict` is their average, where one is kept
    expected = {name: list(weight.shape) for name, weight in module.state_dict().items()}
    found = {name: list(weight.shape) for name, weight in weights.items()}
    if found != expected:
        raise InputError(f"{path}: expected the weights of the model in config.yaml, {expected}, got {found}.")


def load_data(folder: Path) -> PointsDataModule:
    """The data module of a run folder, its points drawn or read again.

    A table comes from the copy of it in the folder, so the file that it was read from may be gone.
    """
    data = build_data(settings_of_table(read_settings(file_of(folder, "config.yaml"))["data"], folder))
    data.setup()
    return data


def settings_of_table(settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The data settings, with the path of a table led to its copy in the folder: no other file is read.

    A data module of the user's own has a copy where it has set `source`, and else reads its files itself.

    Raises:
        InputError: the copy is not there.
    """
    if not settings.get("path"):
        return dict(settings)
    copy = file_of(folder, TABLE)
    if copy.is_file():
        return {**settings, "path": str(copy)}
    if settings["_target_"].partition(".")[0] == __name__.partition(".")[0]:
        raise InputError(f"{copy}: expected the copy of its table that a run keeps, but there is none.")
    return dict(settings)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's plain values and tensors; nothing in it is run.

    Raises:
        InputError: it is missing, cut short, no checkpoint, or holds more than plain values.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of some of what it then refuses
            state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        remedy = (
            "a run without validation points has none; type checkpoint=last"
            if path.stem == "best"
            else f"the run has written none yet; python scripts/train.py run={path.parents[1]} goes on with it."
        )
        raise InputError(f"{path}: there is no such checkpoint; {remedy}") from None
    except Exception as error:  # what a reader of pickles raises at bytes that are none has no bounds
        raise InputError(
            f"{path}: expected a checkpoint of plain values, but it is damaged or holds code that would be run."
        ) from error
    if not isinstance(state, dict) or "state_dict" not in state:
        raise InputError(f"{path}: expected a checkpoint with a state_dict, got {type(state).__name__}.")
    return state
