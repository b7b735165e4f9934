"""One sweep launched in several ways, and shared out over the cores."""

import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from descentlab.benchmarks.plain_loops import SCRIPT
from descentlab.benchmarks.processes import TRAIN, seconds_of_python
from descentlab.benchmarks.ratio import Case
from descentlab.settings.compose import compose
from descentlab.sweeps.compose import Job
from descentlab.sweeps.grouping import group_jobs
from descentlab.sweeps.pieces import cut
from descentlab.sweeps.workers import on_cores

NUM_JOBS = 16
"""Of each sweep here: a job of the basic launcher takes as long as a hundred of a stack."""

MEMBERS, STEPS = 2000, 500

LOOPS = "\n".join(["for job in range(16):", *(f"    {line}" for line in SCRIPT.strip().splitlines())])


def launcher_cases() -> list[Case]:
    """The same 16 jobs of 1000 steps, stacked, against the basic launcher, joblib and plain loops in one script."""
    sweep = ["-m", "model=relu_net", f"seed=range(0,{NUM_JOBS})", "trainer.max_steps=1000"]

    def stacked() -> float:
        return seconds_of_python(TRAIN, sweep)

    def launched(launcher: str) -> float:
        return seconds_of_python(TRAIN, [*sweep, f"hydra/launcher={launcher}"])

    name = f"{NUM_JOBS} jobs stacked against"
    cases = [
        Case(f"{name} the basic launcher", 1.0, "process", stacked, lambda: launched("basic"), rounds=1),
        Case(f"{name} plain loops", 1.0, "process", stacked, lambda: seconds_of_python(LOOPS), rounds=1),
    ]
    if find_spec("joblib") is not None:
        cases.append(Case(f"{name} joblib", 1.0, "process", stacked, lambda: launched("joblib"), rounds=1))
    return cases


def sharing_case() -> Case:
    """A stack divided among two processes against the same in one; 0.588 is 1.7 times the model-steps a second."""

    @cache
    def jobs() -> list[Job]:
        settings = compose(["model=relu_net", f"trainer.max_steps={STEPS}", f"history.every={STEPS}", "logger=none"])
        settings = {**settings, "callbacks": {}}
        seeded = [
            {**settings, "data": {**settings["data"], "seed": seed}, "model": {**settings["model"], "seed": seed}}
            for seed in range(MEMBERS)
        ]
        return [Job(number, [f"seed={number}"], each) for number, each in enumerate(seeded)]

    def seconds(num_workers: int) -> float:
        with TemporaryDirectory() as folder:
            pieces = cut(group_jobs(jobs()), Path(folder), num_workers=num_workers, leaves_folders=False)
            began = time.perf_counter()
            for _ in on_cores(pieces, num_workers):
                pass
            return time.perf_counter() - began

    name = f"{MEMBERS} members on two cores against one"
    return Case(name, 0.588, "process", lambda: seconds(2), lambda: seconds(1), rounds=3)
