"""One sweep launched in several ways, and shared out over the cores."""

import sys
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from descentlab.benchmarks.plain_loops import SCRIPT
from descentlab.benchmarks.processes import TRAIN, peak_bytes, seconds_of_python
from descentlab.benchmarks.ratio import Case
from descentlab.settings.compose import compose
from descentlab.sweeps.compose import Job
from descentlab.sweeps.grouping import group_jobs
from descentlab.sweeps.pieces import cut
from descentlab.sweeps.workers import on_cores

NUM_JOBS, NUM_STEPS = 64, 300
"""Of each sweep here: a job of the basic launcher takes as long as a hundred of a stack."""

MEMBERS, STEPS = 10_000, 1000

LOOPS = "\n".join(
    [
        f"for job in range({NUM_JOBS}):",
        *(f"    {line}" for line in SCRIPT.strip().replace("range(1000)", f"range({NUM_STEPS})").splitlines()),
    ]
)


def launcher_cases() -> list[Case]:
    """The same 64 jobs of 300 steps, stacked, against the basic launcher, joblib and plain loops in one script."""
    sweep = ["-m", "model=relu_net", f"seed=range(0,{NUM_JOBS})", f"trainer.max_steps={NUM_STEPS}", "figures=false"]

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


def big_sweep_cases() -> list[Case]:
    """Ten thousand jobs against a thousand, in time and in memory; they take minutes, and are measured by name."""

    def command(num_jobs: int) -> list[str]:
        return [sys.executable, "-c", TRAIN, "-m", "model=relu_net", f"seed=range(0,{num_jobs})", "figures=false"]

    return [
        Case(
            "10000 jobs against 1000",
            8.0,
            "process",
            lambda: seconds_of_python(TRAIN, command(10_000)[3:]),
            lambda: seconds_of_python(TRAIN, command(1000)[3:]),
            rounds=1,
        ),
        Case("10000 jobs, memory", 1.0, "memory", lambda: peak_bytes(command(10_000)), lambda: 4.0 * 2**30, rounds=1),
    ]


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
