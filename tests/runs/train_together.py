"""What torchrun starts in the tests: the runs of a JSON list, one after another, by the same processes.

Each entry has `overrides` and a `folder`, and may have a `signal`: what the last process sends itself at step 20.
"""

import json
import os
import sys
from pathlib import Path
from unittest import mock

from descentlab.callbacks.steps import StepCallback
from descentlab.runs import assemble
from descentlab.runs.train import train
from descentlab.settings.compose import compose


class Signal(StepCallback):
    """Sends this process a signal at step 20, if it is the last."""

    def __init__(self, number: int) -> None:
        super().__init__(20)
        self.number = number

    def look(self, trainer, module, step) -> None:
        if step == 20 and trainer.global_rank == trainer.world_size - 1:
            os.kill(os.getpid(), self.number)


def main() -> None:
    built = assemble.build_callbacks
    for run in json.loads(Path(sys.argv[1]).read_text()):
        folder = Path(run["folder"])
        folder.mkdir(exist_ok=True)
        own = [Signal(run["signal"])] if "signal" in run else []
        with mock.patch.object(assemble, "build_callbacks", lambda settings, own=own: [*own, *built(settings)]):
            result = train(compose(run["overrides"]), folder)
        (folder / f"status.{os.environ['RANK']}").write_text(f"{result.status} {result.num_steps}")


if __name__ == "__main__":
    main()
