"""Lightning's Trainer, counted in gradient steps."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from lightning.pytorch.profilers import AdvancedProfiler, SimpleProfiler

from descentlab.engines.drawing import CPU
from descentlab.processes import num_processes
from descentlab.runs.checkpoint_io import WholeCheckpointIO

_PROFILERS = {"simple": SimpleProfiler, "advanced": AdvancedProfiler}


def make_trainer(
    *,
    max_steps: Annotated[int, Ge(0)],
    accelerator: Literal["cpu", "gpu", "auto"],
    devices: Annotated[int, Ge(1)] | Literal["auto"],
    num_nodes: Annotated[int, Ge(1)],
    strategy: Literal["auto", "ddp"],
    gradient_clip_val: Annotated[float, Gt(0)] | None,
    engine: Literal["auto", "recorded", "compiled", "native", "eager", "lightning"],
    folder: Path,
    callbacks: list[Callback],
    loggers: list[Logger],
    profiler: Literal["simple", "advanced"] | None = None,
    detect_anomaly: bool = False,
) -> Trainer:
    """A Trainer whose unit is the gradient update, and which leaves looking to the callbacks.

    Args:
        max_steps: gradient updates; 0 judges the start without training.
        accelerator: the kind of device.
        devices: how many of them on each node.
        num_nodes: machines.
        strategy: `ddp` trains a copy on each device, on the gradient of them all; `auto` is that for several.
        gradient_clip_val: the largest norm of the gradient; None leaves it as it is.
        engine: what makes the steps: `auto` the fastest that leaves PyTorch's own bits, which is `compiled` C for
            many steps and else `recorded`; `native` C whose last bits differ, `eager` PyTorch itself, `lightning`
            one step a `training_step`.
        folder, callbacks, loggers: of this run.
        profiler: `fit-profile.txt` says what took how long: Lightning's hooks, or every function (`advanced`).
        detect_anomaly: an operation whose gradient is NaN ends the run, named with its traceback.
    """
    together = num_processes() > 1
    with quietly():
        return Trainer(
            max_steps=max_steps,
            max_epochs=-1,
            accelerator=accelerator,
            devices=devices,
            num_nodes=num_nodes,
            strategy=strategy if together else "auto",
            # Named, since Lightning would take a lone run among the tasks of a SLURM job for one of several.
            plugins=[WholeCheckpointIO(), TorchElasticEnvironment() if together else LightningEnvironment()],
            gradient_clip_val=gradient_clip_val,
            default_root_dir=folder,
            callbacks=callbacks,
            logger=loggers or False,
            profiler=None if profiler is None else _PROFILERS[profiler](dirpath=folder, filename="profile"),
            detect_anomaly=detect_anomaly,
            log_every_n_steps=1,
            limit_val_batches=0,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
        )


def device_of(accelerator: Literal["cpu", "gpu", "auto"]) -> torch.device:
    """Where a stack is trained by this `trainer.accelerator`: on the first CUDA device, or on the CPU.

    It does not set CUDA up, so that a process may still be forked.
    """
    is_cuda = accelerator == "gpu" or (accelerator == "auto" and torch.cuda.device_count() > 0)
    return torch.device("cuda", 0) if is_cuda else CPU


@contextmanager
def quietly() -> Iterator[None]:
    """Without the warnings of Lightning that no user can mend."""
    with warnings.catch_warnings():
        # Where a run is trained was asked for; a stack performs its own steps on a GPU.
        warnings.filterwarnings("ignore", "GPU available but not used", UserWarning)
        # A run is started on SLURM by its launcher, or by torchrun.
        warnings.filterwarnings("ignore", "The `srun` command is available", UserWarning)
        # Lightning 2.6 asks torch 2.13 for its tree specs in the old way.
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)`", FutureWarning)
        # The engine of a stack holds the state of its optimiser.
        warnings.filterwarnings("ignore", "`LightningModule.configure_optimizers` returned `None`", UserWarning)
        yield
