"""Many members trained as one: Lightning drives the module that holds them all."""

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from descentlab.callbacks.progress import Progress
from descentlab.callbacks.steps import StepCallback
from descentlab.engines.compiled_stack import CompiledStack
from descentlab.engines.record import CannotRecord
from descentlab.engines.stack import Stack
from descentlab.errors import InputError
from descentlab.runs.chunks import Chunks
from descentlab.runs.trainer import device_of, make_trainer, quietly
from descentlab.sweeps.early_stopping import StackEarlyStopping
from descentlab.sweeps.grouping import EARLY_STOPPING, why_alone
from descentlab.sweeps.stack_callbacks import StackHistory, StackValidation
from descentlab.sweeps.stack_checkpoint import StackCheckpoint
from descentlab.sweeps.stacked_module import Member, StackedRegression
from descentlab.targets import build


class FittedStack:
    """A stack after its training: the module that held it, and what was seen of it."""

    def __init__(self, module: StackedRegression, history: StackHistory, validation: StackValidation) -> None:
        self.module = module
        self.history = history
        self.validation = validation


def fit_stack(
    members: Sequence[Member],
    *,
    history_every: int = 1,
    validation_every: int | None = 50,
    show_progress: bool = False,
    engine: str = "auto",
    accelerator: Literal["cpu", "gpu", "auto"] = "cpu",
    more: Sequence[StepCallback] = (),
    checkpoint: StackCheckpoint | None = None,
) -> FittedStack:
    """Train members together: each ends with the parameters, the losses and the status of its lone run.

    Args:
        members: of one net, loss, optimiser, number of samples and batch size; each has its own start, points,
            optimiser numbers and number of steps.
        history_every: steps between two recorded rows.
        validation_every: steps between two validation losses; None: none are computed.
        show_progress: one bar for all members.
        engine: `compiled` for compiled steps where they can be had, `native` for such whose last bits differ,
            `recorded`; `auto` compiles for many steps. On a GPU steps are replayed from a captured graph.
        accelerator: as `trainer.accelerator`: where the steps are performed, on one device.
        more: callbacks that look at the stack as well.
        checkpoint: writes the stack's state on the way; where it finds one, the training goes on from there.

    Raises:
        InputError: there are no members.
        CannotRecord: the members cannot be stacked, with the reason.
    """
    if not members:
        raise InputError("fit_stack: expected at least one member, got none.")
    torch.set_num_threads(1)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    configs = [config for member in members if (config := member.module.config) is not None]
    for config in configs:
        if (reason := why_alone(config)) is not None:
            raise CannotRecord(reason)
    stopping = [_early_stopping(config) for config in configs]
    if any(each != stopping[0] for each in stopping):
        raise CannotRecord("their early stopping differs")
    more = [*more, *(StackEarlyStopping(build(spec), members) for specs in stopping[:1] for spec in specs)]
    device = device_of(accelerator)
    rates = schedules(configs) if len(configs) == len(members) else None
    module = StackedRegression(members, rates, engine, device)
    if engine in ("compiled", "native") and (reason := _why_not(engine, module.stack)) is not None:
        print(f"the {module.stack.name} stack performs the steps: {reason}", file=sys.stderr)
    history = StackHistory(history_every, len(members))
    validation = StackValidation(validation_every, members, device)
    last = max(member.num_steps for member in members)
    callbacks = [validation, history, *more, *([Progress()] if show_progress else [])]
    if checkpoint is not None:
        callbacks.append(checkpoint)
    trainer = make_trainer(
        max_steps=last,
        accelerator="cpu",
        devices=1,
        num_nodes=1,
        strategy="auto",
        gradient_clip_val=None,
        engine="auto",
        folder=Path(),
        callbacks=callbacks,
        loggers=[],
    )
    begun = 0 if checkpoint is None else checkpoint.step_of(module)
    chunks = Chunks(callbacks, history, start=begun, stop=last)
    with quietly():
        path = checkpoint.path if checkpoint is not None and begun else None
        trainer.fit(module, train_dataloaders=chunks, ckpt_path=path, weights_only=True)
    module.unstack()
    return FittedStack(module, history, validation)


def _why_not(engine: str, stack: Stack) -> str | None:
    """Why the steps are not performed by the engine in C that was asked for."""
    return stack.native_reason if isinstance(stack, CompiledStack) else f"{engine} steps are for the CPU"


def _early_stopping(settings: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [spec for spec in settings["callbacks"].values() if spec and spec["_target_"] == EARLY_STOPPING]


def schedules(settings: Sequence[Mapping[str, Any]]) -> Tensor | None:
    """The learning rates of all steps, (step, member), by the members' real schedulers; None without any.

    Raises:
        CannotRecord: a scheduler changes more than the learning rate.
    """
    if all(each["scheduler"]["_target_"] is None for each in settings):
        return None
    last = max(each["trainer"]["max_steps"] for each in settings)
    known: dict[tuple[float, str], list[float]] = {}
    columns = []
    for each in settings:
        key = (each["optimizer"]["lr"], str(each["scheduler"]))
        if key not in known:
            known[key] = schedule(each, last)
        columns.append(known[key] if len(known[key]) == last else known[key] * last)
    return torch.tensor(columns, dtype=torch.float64).T.contiguous()


def schedule(settings: Mapping[str, Any], num_steps: int) -> list[float]:
    """The learning rate of each of the first steps of one run, by its real scheduler; its only one without any.

    Raises:
        CannotRecord: the scheduler changes more than the learning rate.
    """
    lr: float = settings["optimizer"]["lr"]
    if settings["scheduler"]["_target_"] is None:
        return [lr]
    optimizer = build(settings["optimizer"], [nn.Parameter()])
    (group,) = optimizer.param_groups
    others = {key: value for key, value in group.items() if key not in ("lr", "params")}
    scheduler = build(settings["scheduler"], optimizer)
    rates = []
    for _ in range(num_steps):
        if any(group[key] != value for key, value in others.items()):
            raise CannotRecord("the schedule changes more than the learning rate")
        rates.append(group["lr"])
        optimizer.step()
        scheduler.step()
    return rates
