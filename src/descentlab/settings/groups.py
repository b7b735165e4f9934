"""What the config takes: its keys, and in each group those of whichever choice fills it.

The type of a setting comes from the signature of the choice's `_target_`. The tables here add what
every choice of a group takes beside it, and the ranges of names that other libraries leave open. What the
keys mean is said once, in conf and in the docstrings of the targets.
"""

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len, Lt, MinLen
from pydantic import BaseModel, ConfigDict

from descentlab.settings.signature import Parameter

NonNegativeInt = Annotated[int, Ge(0)]
PositiveInt = Annotated[int, Ge(1)]
Fraction = Annotated[float, Ge(0), Lt(1)]
Seed = Annotated[int, Ge(0), Lt(2**63)]


class Strict(BaseModel):
    """A block of settings: no key besides these, no value of another type, nothing infinite."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class HistorySettings(Strict):
    """Which steps are recorded."""

    every: PositiveInt | None


class DebugSettings(Strict):
    """What is shown of errors."""

    trace: bool


class SweepSettings(Strict):
    """How the jobs of a sweep are stacked, what they leave, and which count as failed."""

    folders: NonNegativeInt
    events: NonNegativeInt
    members: PositiveInt | None
    fails_above: Annotated[float, Gt(0)] | None


class RootSettings(Strict):
    """The keys of the whole config; each group is checked on its own."""

    name: Annotated[str, MinLen(1)]
    tags: list[str]
    seed: Seed
    figures: bool
    trusted_packages: list[str]
    check: bool
    resume: str | None
    sweep: SweepSettings
    model: dict[str, Any]
    data: dict[str, Any]
    loss: dict[str, Any]
    optimizer: dict[str, Any]
    scheduler: dict[str, Any]
    trainer: dict[str, Any]
    callbacks: dict[str, Any]
    logger: dict[str, Any]
    history: HistorySettings
    debug: DebugSettings


COMMON: dict[str, dict[str, Parameter]] = {
    "model": {"seed": Parameter(Seed)},
    "data": {
        "seed": Parameter(Seed),
        "batch_size": Parameter(PositiveInt | None),
        "num_features": Parameter(PositiveInt),
    },
}
"""Settings that every choice of a group takes beside those of its target."""

PROVIDED: dict[str, set[str]] = {
    "model": {"loss", "optimizer", "scheduler"},
    "data": {"generator"},
    "loss": {"prediction", "target"},
    "optimizer": {"params"},
    "scheduler": {"optimizer"},
    "trainer": {"folder", "callbacks", "loggers"},
    "logger": {"folder"},
}
"""Parameters of the targets that the run gives, so that a config must not."""

RANGES: dict[str, dict[str, Any]] = {
    "optimizer": {
        "lr": Annotated[float, Gt(0), Le(1e30)],  # Adam divides it by as little as 1 - beta, within float32
        "momentum": Annotated[float, Ge(0), Le(1)],
        "dampening": Annotated[float, Ge(0), Le(1)],
        "weight_decay": Annotated[float, Ge(0)],
        "betas": Annotated[list[Fraction], Len(2, 2)],
        "alpha": Fraction,
        "eps": Annotated[float, Gt(0)],
        "max_iter": PositiveInt,
        "history_size": PositiveInt,
        "line_search_fn": Literal["strong_wolfe"] | None,
    },
    "scheduler": {
        "step_size": PositiveInt,
        "gamma": Annotated[float, Gt(0), Le(1)],
        "T_max": NonNegativeInt,
        "eta_min": Annotated[float, Ge(0)],
        "start_factor": Annotated[float, Gt(0), Le(1)],
        "end_factor": Annotated[float, Ge(0), Le(1)],
        "total_iters": NonNegativeInt,
    },
}
"""Types and ranges that stand above what a target's own source says of these names."""
