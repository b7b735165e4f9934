"""`train.py`: one run, or with -m a sweep, of what Hydra composes."""

import os
import shutil
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from multiprocessing import current_process
from pathlib import Path
from threading import RLock
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from descentlab.commands.background import draw_in_background
from descentlab.commands.ended import print_ended
from descentlab.commands.entry import brief_process, exit_code, goes_on, refuse, stop_unwritten
from descentlab.commands.flags import check_flags
from descentlab.commands.resume import resume_run
from descentlab.commands.terminal import speaking
from descentlab.errors import InputError, WriteError
from descentlab.processes import as_called, check_start, is_first_process
from descentlab.runs.agreement import ending_together, failing_together
from descentlab.runs.files import UNWRITABLE
from descentlab.runs.folders import take_away
from descentlab.runs.lock import HeldError
from descentlab.settings.check import check
from descentlab.settings.compose import CONFIG_NAME, plain
from descentlab.settings.config_folders import choices_of, config_folder, groups, take_config_dir
from descentlab.settings.explain import explain, is_of_config, refuse_unnamed_choices
from descentlab.settings.resolvers import register_resolvers
from descentlab.settings.trust import trust_typed

HELP = """
python scripts/train.py                                         the defaults: conf/train.yaml
python scripts/train.py model=linear data=line optimizer.lr=0.05
python scripts/train.py experiment=cubic                        a lesson
python scripts/train.py model=relu_net seed=1,2,3 -m            a sweep: every combination of the lists
python scripts/train.py run=<run folder>                        a run that was stopped goes on
python scripts/train.py -m hydra/sweeper=optuna optimizer.lr='interval(0.01,1)'   a search: see docs/sweeps.md
python scripts/train.py model=linear --cfg job --resolve        show the settings, train nothing

Choices (group=choice; single settings as group.key=value):
"""


@speaking()
def main() -> None:
    """Run the command line and exit as `entry.exit_code` says."""
    if {"-h", "--help"} & set(sys.argv[1:]):
        try:
            take_config_dir(sys.argv[1:])
        except InputError as error:
            refuse(error)
        print(as_called(help_text()))
        return
    # Hydra's parser takes flags before all overrides or after them, not in their midst.
    sys.argv[1:] = sorted(sys.argv[1:], key=_is_override)
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra hands its errors on; they are explained here
    register_resolvers()
    lone: list[int] = []

    def job(config: DictConfig) -> None:
        with failing_together():
            code = run_job(config)
        if HydraConfig.get().mode == RunMode.RUN:
            lone.append(code)
            if config.figures and is_first_process():
                draw_in_background(Path(HydraConfig.get().runtime.output_dir))

    decorate = hydra.main(config_path=str(config_folder()), config_name=CONFIG_NAME, version_base="1.3")
    with brief_process(), ending_together():
        try:
            check_start()
            sys.argv[1:] = take_config_dir(sys.argv[1:])
            if any(word.startswith("run=") for word in sys.argv[1:]):
                lone.append(resume_run(sys.argv[1:]))
            else:
                check_flags(sys.argv[1:])
                refuse_unnamed_choices(sys.argv[1:])
                trust_typed(sys.argv[1:])
                decorate(job)()
        except InputError as error:
            refuse(error)
        except WriteError as error:
            stop_unwritten(error, goes_on(_sweep()))
        except Exception as error:
            if is_of_config(error):
                refuse(explain(error))
            if not isinstance(error, OSError) or error.errno not in UNWRITABLE:
                raise
            sweep = _sweep()  # of which Hydra or a library could not write a file, which they do not name
            stop_unwritten(
                WriteError(error.errno, error.strerror, str(error.filename or sweep or "a file")), goes_on(sweep)
            )
        except KeyboardInterrupt:  # before the first step, when nothing is there to be kept
            sys.exit(128 + signal.SIGINT)
        sys.exit(lone[0] if lone and is_first_process() else 0)


def _sweep() -> Path | None:
    """The folder of this command's sweep; None where it is no sweep."""
    is_sweep = HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN
    return Path(HydraConfig.get().sweep.dir) if is_sweep else None


def _is_override(word: str) -> bool:
    return not word.startswith("-") and ("=" in word or word.startswith("~"))


def help_text() -> str:
    """How to call this command, and the choices of every group, read from the config folder."""
    return HELP.strip() + "".join(
        f"\n  {group:<11}{', '.join(choices_of(group))}" for group in groups() if group != "hydra"
    )


def run_job(config: DictConfig) -> int:
    """Train what one composed config says, print its table, and return the exit code."""
    job = HydraConfig.get()
    folder = Path(job.runtime.output_dir)
    if job.mode == RunMode.MULTIRUN:
        return _run_job_of_sweep(config, job.job.num, folder)
    try:
        return _train(check(plain(config)), folder, warns=True)
    except InputError as error:
        if is_first_process() and not isinstance(error, HeldError):
            take_away(folder)  # made for this run alone, and nothing was trained
        refuse(error)
    except WriteError as error:
        stop_unwritten(error, goes_on(None))


def _run_job_of_sweep(config: DictConfig, number: int, folder: Path) -> int:
    """Run one job as Hydra's own launchers do: with the settings that were noted at the launch, and so
    that a job that fails, fails alone."""
    from descentlab.sweeps.compose import Job
    from descentlab.sweeps.interruption import end_stopped
    from descentlab.sweeps.ledger import ledger_of
    from descentlab.sweeps.outcomes import ended
    from descentlab.sweeps.pruning import pruning_of

    noted = ledger_of(folder.parent).jobs
    if (result := ended(folder)) is not None:
        return exit_code(result.status, result.interrupted_by)
    try:
        for leftover in folder.iterdir():  # of a job cut short; Hydra has just written its own
            if leftover.name != ".hydra":
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        job = noted[number] if number < len(noted) else Job(number, [], check(plain(config)))
        is_worker = current_process().name != "MainProcess"
        if is_worker:
            from tqdm import tqdm

            tqdm.set_lock(RLock())  # its own is a semaphore of the system, which a worker that is ended leaves behind
        code = _train(job.settings, folder, warns=False, callbacks=pruning_of(job))
        if code > 128 and not is_worker:  # whose command is told for itself
            end_stopped(signal.Signals(code - 128).name, folder.parent)
        return code
    except WriteError as error:  # the disk has no room for the next job either
        stop_unwritten(error, goes_on(folder.parent))
    except InputError as error:
        print(f"job {number} failed: {error}", file=sys.stderr)
    except Exception:
        print(f"job {number} failed:\n{traceback.format_exc()}", file=sys.stderr)
    return exit_code("failed", None)


def _train(settings: Mapping[str, Any], folder: Path, warns: bool, callbacks: Sequence[Any] = ()) -> int:
    from descentlab.runs.train import train  # torch is imported now, not to say no

    result = train(settings, folder, warns, callbacks)
    if is_first_process():
        with speaking():  # in a worker of joblib's, too
            print_ended(result, settings)
    return exit_code(result.status, result.interrupted_by)
