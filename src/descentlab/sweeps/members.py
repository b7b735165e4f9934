"""Members of a stack from overrides: what a sweep does with its jobs, from Python."""

from collections.abc import Sequence

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from descentlab.errors import InputError
from descentlab.runs.assemble import assemble
from descentlab.settings.compose import CONFIG_NAME
from descentlab.settings.config_folders import config_folder
from descentlab.settings.resolvers import register_resolvers
from descentlab.settings.trust import trust_typed
from descentlab.sweeps.compose import compose_jobs
from descentlab.sweeps.stacked_module import Member


def members(jobs: Sequence[Sequence[str]]) -> list[Member]:
    """What `fit_stack` trains together: for each job its module with the start drawn, and its points.

    Args:
        jobs: the overrides of each, e.g. `[["model=relu_net", f"seed={seed}"] for seed in range(100)]`.

    Raises:
        InputError: the overrides of a job cannot be used; the message names it.
    """
    register_resolvers()
    for overrides in jobs:
        if isinstance(overrides, str):
            raise InputError(
                f"members: expected a list of overrides for each, got {overrides!r}; type [{overrides!r}]."
            )
        trust_typed(overrides)
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        sweep = loader.load_configuration(CONFIG_NAME, ["hydra.mode=MULTIRUN"], run_mode=RunMode.MULTIRUN)
        composed = compose_jobs(loader, sweep, [list(overrides) for overrides in jobs], first=0)
    built = [(job, *assemble(job.settings)) for job in composed]
    return [Member(module, data, job.settings["trainer"]["max_steps"]) for job, data, module in built]
