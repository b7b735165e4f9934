"""`train.py`: one run, or with -m a sweep, of what Hydra composes."""

import os
import shutil
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from descentlab.commands.entry import refuse
from descentlab.commands.figures import draw_in_background
from descentlab.errors import InputError
from descentlab.settings.check import check
from descentlab.settings.compose import CONFIG_NAME, config_folder, plain
from descentlab.settings.explain import explain
from descentlab.settings.resolvers import register_resolvers

EXIT_CODES = {"completed": 0, "failed": 1, "diverged": 3, "interrupted": 130}


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 bad input, 3 diverged, 130 interrupted."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra hands its errors on; they are explained here
    register_resolvers()
    lone: list[str] = []

    def job(config: DictConfig) -> None:
        status = run_job(config)
        if HydraConfig.get().mode == RunMode.RUN:
            lone.append(status)
            if config.figures:
                draw_in_background(Path(HydraConfig.get().runtime.output_dir))

    decorate = hydra.main(config_path=str(config_folder()), config_name=CONFIG_NAME, version_base="1.3")
    try:
        decorate(job)()
    except (HydraException, OmegaConfBaseException) as error:
        refuse(explain(error, sys.argv[1:]))
    sys.exit(EXIT_CODES[lone[0]] if lone else 0)


def run_job(config: DictConfig) -> str:
    """Train what one composed config says, print its table, and return its status."""
    job = HydraConfig.get()
    folder = Path(job.runtime.output_dir)
    settings = check(plain(config))
    from descentlab.reports.table import result_table  # torch is imported now, not to say no
    from descentlab.runs.train import train

    try:
        result = train(settings, folder)
    except InputError as error:
        shutil.rmtree(folder)  # made for this run alone, and nothing was trained
        refuse(error)
    print(result_table(result))
    return result.status
