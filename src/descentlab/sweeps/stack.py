"""A group of jobs as one training run, and the folders that lone runs would have left."""

import logging
import math
import shutil
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn

from descentlab.callbacks.checkpoint import plain_checkpoint
from descentlab.callbacks.history import Rows, mse_of_rows
from descentlab.callbacks.observation import observe
from descentlab.callbacks.progress import Progress
from descentlab.modules.coefficients import flat_parameters
from descentlab.runs.assemble import assemble, rows_every
from descentlab.runs.chunks import Chunks
from descentlab.runs.files import TABLE
from descentlab.runs.outcome import files_of, outcome_of
from descentlab.runs.result import Result, Status
from descentlab.sweeps.compose import Job
from descentlab.sweeps.events import write_events
from descentlab.sweeps.stacked_module import Member, StackedRegression, StackHistory, StackValidation
from descentlab.sweeps.table import Outcome
from descentlab.targets import build


def train_stack(jobs: Sequence[Job], folder: Path) -> list[Outcome]:
    """Train jobs that agree in all but their values as one, and leave each one's folder in `folder`.

    Args:
        jobs: of one group of `descentlab.sweeps.grouping`.
        folder: of the sweep.

    Raises:
        CannotRecord: they cannot be stacked, with the reason; nothing has been written.
        InputError: a job's points cannot be read.
    """
    began = time.perf_counter()
    members = [
        Member(module, data, job.settings["trainer"]["max_steps"])
        for job in jobs
        for data, module in [assemble(job.settings)]
    ]
    settings = jobs[0].settings
    rates = _rates([job.settings for job in jobs])
    fitted = fit_stack(
        members,
        rates,
        history_every=rows_every(settings),
        validation_every=settings["logger"]["every"],
        show_progress="progress" in settings["callbacks"],
    )
    share = (time.perf_counter() - began) / len(jobs)
    results = [_write_member(fitted, k, job, share, folder) for k, job in enumerate(jobs)]
    for k in _shown(results, settings["sweep"]["events"]):
        member, result = fitted.module.members[k], results[k]
        last = jobs[k].settings["optimizer"]["lr"]
        write_events(
            jobs[k].settings,
            result,
            member.module,
            member.data,
            _rows(fitted, k, result.num_steps),
            _validation(fitted, k, result),
            [last] if rates is None else rates[:, k].tolist(),
        )
    return [Outcome(job, result) for job, result in zip(jobs, results, strict=True)]


def _shown(results: Sequence[Result], most: int) -> list[int]:
    """The members that get events of their own: all, or in a stack of more than `most` the best, the
    median, the worst and the first that failed, since TensorBoard stalls at some hundred runs."""
    if len(results) <= most:
        return list(range(len(results)))
    ended = [k for k, result in enumerate(results) if result.status == "completed"]
    ranked = sorted(ended, key=lambda k: results[k].metrics.get("val/loss", results[k].metrics["train/loss"]))
    chosen = [ranked[0], ranked[len(ranked) // 2], ranked[-1]] if ranked else []
    failed = [k for k, result in enumerate(results) if result.status != "completed"]
    return sorted({*chosen, *failed[:3]})


class FittedStack:
    """A stack after its training: the module that held it, and what was seen of it."""

    def __init__(self, module: StackedRegression, history: StackHistory, validation: StackValidation) -> None:
        self.module = module
        self.history = history
        self.validation = validation
        self.losses = history.losses()
        self.parameters = history.parameters()
        self.mse = history.mean_squared_errors()
        self.validation_losses = (
            torch.stack(list(validation.losses.values()), dim=1).tolist() if validation.losses else []
        )


def fit_stack(
    members: Sequence[Member],
    rates: Tensor | None = None,
    *,
    history_every: int = 1,
    validation_every: int = 50,
    show_progress: bool = False,
) -> FittedStack:
    """Train members together: each ends with the parameters, the losses and the status of its lone run.

    Args:
        members: of one net, loss, optimiser and number of samples; each has its own start, points,
            optimiser numbers and number of steps.
        rates: learning rates, (step, member), where there is a schedule.
        history_every: steps between two recorded rows.
        validation_every: steps between two validation losses.
        show_progress: one bar for all members.

    Raises:
        CannotRecord: the members cannot be stacked, with the reason.
    """
    torch.set_num_threads(1)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    module = StackedRegression(members, rates)
    history = StackHistory(history_every, len(members))
    validation = StackValidation(validation_every, members)
    last = max(member.num_steps for member in members)
    callbacks = [validation, history, *([Progress()] if show_progress else [])]
    trainer = Trainer(
        max_steps=last,
        max_epochs=-1,
        accelerator="cpu",
        callbacks=callbacks,
        logger=False,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)`", FutureWarning)
        warnings.filterwarnings("ignore", "`LightningModule.configure_optimizers` returned `None`", UserWarning)
        trainer.fit(module, train_dataloaders=Chunks(callbacks, history, start=0, stop=last))
    module.unstack()
    return FittedStack(module, history, validation)


def _rates(settings: Sequence[Mapping[str, Any]]) -> Tensor | None:
    """The learning rates of all steps, (step, member), by the members' real schedulers."""
    if settings[0]["scheduler"]["_target_"] is None:
        return None
    last = max(each["trainer"]["max_steps"] for each in settings)
    known: dict[tuple[float, str], list[float]] = {}
    columns = []
    for each in settings:
        key = (each["optimizer"]["lr"], str(each["scheduler"]))
        if key not in known:
            known[key] = _rates_of(key[0], each["scheduler"], last)
        columns.append(known[key])
    return torch.tensor(columns, dtype=torch.float64).T.contiguous()


def _rates_of(lr: float, scheduler_settings: Mapping[str, Any], num_steps: int) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = build(scheduler_settings, optimizer)
    rates = []
    for _ in range(num_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def _write_member(fitted: FittedStack, k: int, job: Job, share: float, sweep: Path) -> Result:
    """Write the folder of member k, whole or not at all, and return its result."""
    member, stack = fitted.module.members[k], fitted.module.stack
    num_steps, diverged = int(stack.steps[k]), bool(stack.diverged[k])
    status: Status = "diverged" if diverged else "completed"
    result = outcome_of(
        member.module,
        member.data,
        status=status,
        num_steps=num_steps,
        seconds={"setup": 0.0, "training": share},
        engine="stacked",
        folder=sweep / str(job.number),
    )
    validation = _validation(fitted, k, result)
    making = sweep / f".{job.number}"
    (making / "checkpoints").mkdir(parents=True)
    for name, text in files_of(result, job.settings, member.module, _rows(fitted, k, num_steps), validation).items():
        (making / name).write_text(text, encoding="utf-8")
    _save_checkpoints(making / "checkpoints", fitted, k, num_steps, validation.get(num_steps, math.nan))
    if (table := member.data.source) is not None:
        shutil.copyfile(table, making / TABLE)
    making.rename(sweep / str(job.number))
    return result


def _validation(fitted: FittedStack, k: int, result: Result) -> dict[int, float]:
    """`val/loss` of member k by step, up to its own end."""
    known = fitted.validation_losses[k] if fitted.validation_losses else []
    validation = dict(zip(fitted.validation.losses, known, strict=False))
    validation = {step: loss for step, loss in validation.items() if step <= result.num_steps}
    if "val/loss" in result.metrics:
        validation[result.num_steps] = result.metrics["val/loss"]
    return validation


def _rows(fitted: FittedStack, k: int, num_steps: int) -> Rows:
    """The recorded rows of member k, up to its own end."""
    history, member = fitted.history, fitted.module.members[k]
    count = sum(step < num_steps for step in history.steps)
    last = history.last_losses.get(k)
    if last is None:
        last = observe(member.module, member.data.batches).loss
    losses = torch.cat([fitted.losses[k, :count], last.reshape(1)])
    end = flat_parameters(member.module.net)[None]
    parameters = mse = None
    if fitted.module.keeps_parameters:
        parameters = end if fitted.parameters is None else torch.cat([fitted.parameters[k, :count], end])
    if member.module.wants_mse:
        mse = mse_of_rows(member.module.net, *member.data.stages()["train"], end) * member.module.mse_scale
        mse = mse if fitted.mse is None else torch.cat([fitted.mse[k, :count], mse])
    return Rows([*history.steps[:count], num_steps], losses, parameters, mse)


def _save_checkpoints(folder: Path, fitted: FittedStack, k: int, num_steps: int, last_loss: float) -> None:
    module, validation = fitted.module.members[k].module, fitted.validation
    state = {name: value.detach().clone() for name, value in module.state_dict().items()}
    torch.save(
        {
            **plain_checkpoint(module, state, num_steps),
            "optimizer_states": [{"state": fitted.module.stack.optimizer_state(k)}],
        },
        folder / "last.ckpt",
    )
    if math.isnan(last_loss) and not validation.best:
        return
    if last_loss < float(validation.best_losses[k]):
        best, step, loss = state, num_steps, last_loss
    else:
        best = {f"net.{name}": value[k].clone() for name, value in validation.best.items()}
        step, loss = int(validation.best_steps[k]), float(validation.best_losses[k])
    torch.save({**plain_checkpoint(module, best, step), "val/loss": loss}, folder / "best.ckpt")
