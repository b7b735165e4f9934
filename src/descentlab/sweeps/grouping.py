"""Which jobs can be trained as one stack, and why the others cannot."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from descentlab.sweeps.compose import Job

EARLY_STOPPING = "descentlab.callbacks.early_stopping.EarlyStopping"

_STACKED_CALLBACKS = {
    EARLY_STOPPING,
    "descentlab.callbacks.validation.Validation",
    "descentlab.callbacks.scalars.Scalars",
    "descentlab.callbacks.histograms.Histograms",
    "descentlab.callbacks.checkpoint.Checkpoint",
    "descentlab.callbacks.progress.Progress",
}
"""What these leave, a stack leaves for every member."""


@dataclass(frozen=True)
class Group:
    """Jobs that are trained together.

    Attributes:
        jobs: in the order of their numbers.
        reason: why they cannot be stacked, so that each runs alone; None for a stack.
    """

    jobs: list[Job]
    reason: str | None


def group_jobs(jobs: Sequence[Job]) -> list[Group]:
    """Jobs whose nets, losses, optimisers and shapes agree together, in the order of their first job.

    Members of a stack may differ in their seeds, in the numbers of their data, in their initial
    coefficients, in the optimiser's numbers and in `trainer.max_steps`.
    """
    groups: dict[str, Group] = {}
    for job in jobs:
        reason = why_alone(job.settings)
        key = reason or json.dumps(_shape_of(job.settings), sort_keys=True)
        groups.setdefault(key, Group([], reason)).jobs.append(job)
    return list(groups.values())


def why_alone(settings: Mapping[str, Any]) -> str | None:
    """Why a job cannot be a member of a stack, in a few words; None if it can."""
    trainer = settings["trainer"]
    if trainer["engine"] in ("eager", "lightning"):
        return f"trainer.engine={trainer['engine']}"
    if trainer["gradient_clip_val"] is not None:
        return "trainer.gradient_clip_val is set"
    if trainer.get("profiler") is not None:
        return "trainer.profiler is set"
    if trainer["strategy"] != "auto":
        return "it asks for devices of its own"
    optimizer = settings["optimizer"]["_target_"]
    if optimizer not in _STACKED_OPTIMIZERS:
        return f"{optimizer.rpartition('.')[2]} has no stacked update"
    for name, callback in settings["callbacks"].items():
        if callback is not None and callback["_target_"] not in _STACKED_CALLBACKS:
            return f"callbacks.{name} may need the lone module"
    return None


_STACKED_OPTIMIZERS = {f"torch.optim.{name}" for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad")}


def _shape_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What must agree within a stack: the settings, with what may differ replaced by its shape."""
    shape = {key: value for key, value in settings.items() if key not in ("seed", "name", "tags", "figures")}
    shape["model"] = {
        key: _numbers(value) if key == "initial_coefficients" else value
        for key, value in settings["model"].items()
        if key != "seed"
    }
    shape["data"] = {key: _numbers(value) for key, value in settings["data"].items() if key not in ("seed", "fold")}
    # A zero is kept apart: without momentum or weight decay the update is another.
    shape["optimizer"] = {
        key: ["number", value != 0] if isinstance(value, float) and key != "lr" else _numbers(value)
        for key, value in settings["optimizer"].items()
    }
    shape["scheduler"] = {
        key: _numbers(value) if key != "_target_" else value for key, value in settings["scheduler"].items()
    }
    if "T_max" in shape["scheduler"]:
        shape["scheduler"]["T_max"] = "steps"
    shape["trainer"] = {key: value for key, value in settings["trainer"].items() if key != "max_steps"}
    return shape


def _numbers(value: Any) -> Any:
    """A real number, or the shape of a list of them; anything else as it is."""
    if isinstance(value, float):
        return "number"
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    return value
