"""From plain settings to the objects of a run: data module, module, callbacks, trainer."""

import inspect
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.loggers import Logger
from torch import Tensor

from descentlab.callbacks.history import History
from descentlab.data.points import PointsDataModule
from descentlab.data.synthetic import SyntheticDataModule
from descentlab.engines.drawing import CPU, drawing
from descentlab.errors import InputError
from descentlab.functional.losses import degree_of
from descentlab.modules.regression import RegressionModule
from descentlab.nets.linear_in_parameters import LinearInParameters
from descentlab.runs.first_prediction import check_layers, first_prediction
from descentlab.runs.own_code import naming
from descentlab.targets import build, locate

ROWS = 10_000


def assemble(settings: Mapping[str, Any]) -> tuple[PointsDataModule, RegressionModule]:
    """The data module and the module of checked settings, the points drawn and the weights set.

    Raises:
        InputError: the points cannot be read, or the settings do not go together.
    """
    data = build_data(settings["data"])
    with naming("data", settings["data"]):
        data.setup()
    x, y = data.stages()["train"]
    num_features = x.shape[1]
    if (expected := settings["model"].get("num_features", num_features)) != num_features:
        raise InputError(
            f"model.num_features: expected {num_features}, as many as the data have, got {expected}; "
            "leave it to data.num_features."
        )
    module = build_module(settings, data)
    _check_training(module, settings, x, y)
    return data, module


_seen: dict[tuple[type, str], torch.Size] = {}
"""By a net's class and settings: the shape of its prediction for a sample, so that a sweep asks once for it."""


def _check_training(module: RegressionModule, settings: Mapping[str, Any], x: Tensor, y: Tensor) -> None:
    """Refuse what is no net, loss, optimiser or scheduler, or does not take its settings, before the run begins."""
    spec = settings["model"]
    key = type(module.net), str([x.shape[1:], *(entry for entry in spec.items() if entry[0] != "seed")])
    if key not in _seen:
        with naming("model", spec):
            check_layers(module.net)
            prediction = first_prediction(module, x)
            _seen[key] = y.shape[1:] if prediction is None else prediction.shape[1:]
    with naming("loss", settings["loss"]):
        value = module.loss(torch.zeros(2, *_seen[key]), torch.zeros(2, *y.shape[1:]))
        if not isinstance(value, torch.Tensor) or value.shape != ():
            raise TypeError("it does not give a scalar for a prediction and a target")
    with naming("optimizer", settings["optimizer"]):
        optimizer = build(module.optimizer_settings, module.net.parameters())
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError(f"it gives a {type(optimizer).__name__}")
    with naming("scheduler", settings["scheduler"]):
        scheduler = build(module.scheduler_settings or {"_target_": None}, optimizer)
        if scheduler is not None:
            if not isinstance(scheduler, torch.optim.lr_scheduler.LRScheduler):
                raise TypeError(f"it gives a {type(scheduler).__name__}")
            if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
                raise InputError(
                    "scheduler._target_: expected a scheduler that steps without a loss, got ReduceLROnPlateau; type "
                    "scheduler=cosine or scheduler=exponential, or callbacks=[default,early_stopping]."
                )
            inspect.signature(scheduler.step).bind()
            if settings["trainer"]["max_steps"] > 0:
                _check_schedule(scheduler, settings["scheduler"], settings["trainer"]["max_steps"])


def _check_schedule(scheduler: torch.optim.lr_scheduler.LRScheduler, spec: Mapping[str, Any], max_steps: int) -> None:
    """Refuse a schedule that cannot make its first step or its last; it is of no use afterwards."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no update comes before these steps
            scheduler.step()
            scheduler.last_epoch = max_steps - 1
            scheduler.step()
    except (ArithmeticError, ValueError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        given = ", ".join(f"scheduler.{key}={value}" for key, value in spec.items() if key != "_target_")
        raise InputError(
            f"scheduler: expected a schedule of trainer.max_steps={max_steps} steps, but {type(scheduler).__name__} "
            f"cannot make them with {given} ({reason})."
        ) from error


def build_data(settings: Mapping[str, Any]) -> PointsDataModule:
    """The data module that `settings` name: one of its own, or a generator's draws."""
    spec = {key: value for key, value in settings.items() if key not in ("num_features", "seed", "batch_size")}
    common = {"seed": settings["seed"], "batch_size": settings["batch_size"]}
    target = locate(settings["_target_"])
    if isinstance(target, type) and issubclass(target, PointsDataModule):
        with naming("data", settings):
            data = target(**{key: value for key, value in spec.items() if key != "_target_"}, **common)
        if not hasattr(data, "train"):
            name = target.__name__
            raise InputError(f"data: expected {name}.__init__ to begin with super().__init__(seed, batch_size).")
        return data
    _refuse_of_lightning(target, LightningDataModule, "data", "a generator or a PointsDataModule")
    return SyntheticDataModule(dict(spec), **common)


def _refuse_of_lightning(target: Any, kind: type, group: str, expected: str) -> None:
    if isinstance(target, type) and issubclass(target, kind):
        came = f"the {kind.__name__} {target.__name__}"
        raise InputError(f"{group}._target_: expected {expected}, as in docs/extending.md, got {came}.")


def build_module(settings: Mapping[str, Any], data: PointsDataModule | None = None) -> RegressionModule:
    """The module that `settings` name, its weights drawn from `model.seed`.

    Args:
        settings: of a whole run.
        data: whose standardization the module takes on.

    Raises:
        InputError: the start cannot be expressed in the units of the training.
    """
    spec = {key: value for key, value in settings["model"].items() if key != "seed"}
    training = {key: settings[key] for key in ("loss", "optimizer", "scheduler")}
    target = locate(spec["_target_"])
    if not (isinstance(target, type) and issubclass(target, RegressionModule)):
        _refuse_of_lightning(target, LightningModule, "model", "an nn.Module or a RegressionModule")
    with drawing(settings["model"]["seed"], CPU), naming("model", settings["model"]):
        if isinstance(target, type) and issubclass(target, LightningModule):
            module = build(spec, **training)
        else:
            module = RegressionModule(dict(spec), **training)
    module.config = dict(settings)
    if data is not None and data.standardization is not None:
        _standardize(module, data, settings)
    return module


def _standardize(module: RegressionModule, data: PointsDataModule, settings: Mapping[str, Any]) -> None:
    """Let the module work in standard units, and take its start from the user's."""
    units = data.standardization
    assert units is not None
    try:
        degree_of(module.loss)
    except AttributeError:
        raise InputError(
            "data.standardize: expected one of the losses of conf/loss, which can be given back in the units of "
            f"the data, got {settings['loss']['_target_']}."
        ) from None
    module.standardize(units)
    if not isinstance(module.net, LinearInParameters):
        return
    if not module.net.has_intercept:
        raise InputError(
            "data.standardize: expected model.bias=true, got false; a standardised column has another origin."
        )
    start: list[float] | None = settings["model"].get("initial_coefficients")
    if start is not None:
        matrix, offset = units.coefficient_map(len(start))
        module.net.set_coefficients(torch.linalg.solve(matrix, torch.tensor(start).double() - offset).tolist())


def build_callbacks(settings: Mapping[str, Any]) -> list[Callback]:
    """The callbacks of a run in their order: those that may end it first, the checkpoint last."""
    chosen: dict[str, Callback] = {}
    for name, spec in settings["callbacks"].items():
        if spec is not None:
            with naming(f"callbacks.{name}", spec):
                chosen[name] = build(spec)
                if not isinstance(chosen[name], Callback):
                    raise TypeError(f"{spec['_target_']} is no callback")
    averages = [name for name, callback in chosen.items() if isinstance(callback, WeightAveraging)]
    if len(averages) > 1:
        raise InputError(
            f"callbacks: expected one average of the weights for a run to end with, got {' and '.join(averages)}; "
            f"type callbacks=[default,{averages[0]}]."
        )
    first = [chosen.pop(name) for name in ("validation", "early_stopping") if name in chosen]  # which may end the run
    last = [chosen.pop("checkpoint")] if "checkpoint" in chosen else []
    return [*first, *chosen.values(), build_history(settings), *last]


def build_history(settings: Mapping[str, Any]) -> History:
    """The history, with the rows that `history.every` asks for."""
    return History(rows_every(settings))


def rows_every(settings: Mapping[str, Any]) -> int:
    """Steps between two rows of the history: `history.every`, or what gives about 10 000 rows."""
    every: int | None = settings["history"]["every"]
    steps: int = settings["trainer"]["max_steps"]
    return max(1, (steps + ROWS // 2) // ROWS if every is None else min(every, steps))


def build_trainer(settings: Mapping[str, Any], folder: Path, more: Sequence[Callback] = ()) -> Trainer:
    """The trainer of a run, with its callbacks, `more` of them before those, and its loggers."""
    loggers = []
    for name, spec in settings["logger"].items():
        if name != "every" and spec is not None:
            with naming(f"logger.{name}", spec):
                loggers.append(build(spec, folder))
                if not isinstance(loggers[-1], Logger):
                    raise TypeError(f"{spec['_target_']} is no logger")
    try:
        with naming("trainer"):
            trainer = build(
                settings["trainer"], folder=folder, callbacks=[*more, *build_callbacks(settings)], loggers=loggers
            )
    except MisconfigurationException as error:
        reason = str(error).rstrip(".!")
        raise InputError(f"trainer: expected devices that this machine has, but {reason}; type trainer=cpu.") from error
    assert isinstance(trainer, Trainer)
    return trainer
