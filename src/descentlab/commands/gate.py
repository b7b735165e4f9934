"""What stands before every run: its settings are checked, then its folder is made, exclusively."""

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Le
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, read_write
from omegaconf.errors import OmegaConfBaseException

from descentlab.commands.entry import refuse, stop_unwritten
from descentlab.errors import InputError, WriteError
from descentlab.processes import is_first_process, num_processes
from descentlab.runs.agreement import found_by_the_first
from descentlab.runs.elastic import check_started, processes_wanted, start_processes
from descentlab.runs.files import config_text, write_whole
from descentlab.runs.folders import make_exclusively
from descentlab.runs.source import Source
from descentlab.settings.check import check, check_value
from descentlab.settings.compose import plain
from descentlab.settings.explain import explain
from descentlab.settings.groups import PositiveInt
from descentlab.sweeps.ledger import ledger_of
from descentlab.sweeps.plan import folder_of


class Gate(Callback):
    """Hydra's callback at the start of a run or a sweep.

    Hydra turns an exception of a callback into a warning, so bad settings end the process here.
    """

    def __init__(self) -> None:
        self._source: Source | None = None

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        with _refusing():
            settings = check(plain(config))
            if (folder := settings["resume"]) is not None:
                raise InputError(
                    f"resume: expected a sweep, got one run; type the sweep's command again with -m and resume={folder}"
                    f", or run={folder} where it is the folder of a lone run."
                )
            if settings["check"]:
                if is_first_process():
                    print("1 job can be run")
                raise SystemExit(0)
            if num_processes() == 1 and processes_wanted(settings["trainer"]) > 1:
                raise SystemExit(start_processes(settings["trainer"]))
            check_started(settings["trainer"])
            _share_folder(config, settings)
        if is_first_process():
            self._source = Source()

    def on_run_end(self, config: DictConfig, **kwargs: Any) -> None:
        folder = Path(config.hydra.run.dir)
        if self._source is not None and folder.is_dir():
            self._source.write(folder)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        with _refusing():
            if num_processes() > 1:
                raise InputError(
                    f"-m: expected one process, which trains all jobs of a sweep, got {num_processes()}; "
                    "leave out torchrun."
                )
            HydraConfig.instance().set_config(config)
            _check_hydras_own(config)
            if config.resume is None:
                make_exclusively(Path(config.hydra.sweep.dir), "hydra.sweep.dir")
        self._source = Source()

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        folder = folder_of(config)
        if self._source is not None and folder.is_dir():
            self._source.write(folder)
        if not ledger_of(folder).jobs:  # Hydra's own sweeper with Hydra's own launcher
            return
        from descentlab.commands.sweep import conclude

        try:
            conclude(folder)
        except Exception:  # which Hydra would turn into a warning
            traceback.print_exc()
            raise SystemExit(1) from None


def _check_hydras_own(config: DictConfig) -> None:
    """Refuse what sweepers and launchers of another make take, and then break down on or pass over."""
    for key, annotation in _HYDRAS_OWN.items():
        check_value(OmegaConf.select(config, key), annotation, key)
    folder = OmegaConf.to_container(config.hydra.sweep, resolve=False)
    if isinstance(folder, dict) and folder["subdir"] != _OF_A_JOB:
        raise InputError(
            f"hydra.sweep.subdir: expected {_OF_A_JOB}, the number that a sweep knows its job by, got "
            f"{folder['subdir']}; leave it out, and give hydra.sweep.dir=… to name the sweep's folder."
        )


_OF_A_JOB = "${hydra.job.num}"
_HYDRAS_OWN: dict[str, Any] = {
    "hydra.launcher.n_jobs": PositiveInt | Annotated[int, Le(-1)] | None,  # joblib: -1 is all cores, -2 all but one
    "hydra.sweeper.max_batch_size": PositiveInt | None,
}


def _share_folder(config: DictConfig, settings: Mapping[str, Any]) -> None:
    """Make the run folder, or be told it by the process that makes it and alone writes into it."""
    own = Path(config.hydra.run.dir)

    def make() -> str:
        make_exclusively(own, "hydra.run.dir")
        write_whole(own / "config.yaml", config_text(settings))  # from here on the run can be gone on with
        return str(own.absolute())

    folder = found_by_the_first(make)
    if not is_first_process():
        with read_write(config.hydra), read_write(config.hydra.run):
            config.hydra.run.dir = folder
            config.hydra.output_subdir = None


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (InputError, OmegaConfBaseException) as error:
        refuse(error if isinstance(error, InputError) else explain(error))
    except WriteError as error:
        stop_unwritten(error)
