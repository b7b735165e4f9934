"""What torchrun starts in the tests: the runs of a JSON list, one after another, by the same processes.

Each entry has `overrides` and a `folder`, and may have a `signal`: what the last process sends itself at step 20.
One with `resumes` goes on in its folder instead. With `hurries`, the last process's clock is a year ahead of the
others' from its first step on.
"""

import json
import os
import sys
from pathlib import Path
from unittest import mock

from lightning.pytorch import Callback

from descentlab.callbacks.checkpoint import Checkpoint
from descentlab.callbacks.steps import StepCallback
from descentlab.runs import assemble
from descentlab.runs.agreement import ending_together
from descentlab.runs.resume import resume
from descentlab.runs.train import train
from descentlab.settings.compose import compose, read_settings


class Signal(StepCallback):
    """Sends this process a signal at step 20, if it is the last."""

    def __init__(self, number: int) -> None:
        super().__init__(20)
        self.number = number

    def state_dict(self):
        return {}  # else Lightning would miss this callback in the run that goes on

    def look(self, trainer, module, step) -> None:
        if step == 20 and trainer.global_rank == trainer.world_size - 1:
            os.kill(os.getpid(), self.number)


class Hurry(Callback):
    """Sets the clock by which the last process writes checkpoints ahead."""

    def on_train_start(self, trainer, pl_module) -> None:
        if trainer.global_rank == trainer.world_size - 1:
            (checkpoint,) = [callback for callback in trainer.callbacks if isinstance(callback, Checkpoint)]
            checkpoint._since -= 3e7


def main() -> None:
    built = assemble.build_callbacks
    for run in json.loads(Path(sys.argv[1]).read_text()):
        folder = Path(run["folder"])
        folder.mkdir(exist_ok=True)
        own = [Signal(run["signal"])] if "signal" in run else []
        own += [Hurry()] if "hurries" in run else []
        with mock.patch.object(assemble, "build_callbacks", lambda settings, own=own: [*own, *built(settings)]):
            if "resumes" in run:
                result, _ = resume(read_settings(folder / "config.yaml"), folder)
            else:
                result = train(compose(run["overrides"]), folder)
        (folder / f"status.{os.environ['RANK']}").write_text(f"{result.status} {result.num_steps}")


if __name__ == "__main__":
    with ending_together():
        main()
