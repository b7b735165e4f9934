"""From overrides to plain settings: what Hydra composes, as dicts, lists, numbers and strings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from descentlab.errors import InputError
from descentlab.settings.check import check
from descentlab.settings.config_folders import config_folder, refuse_flags
from descentlab.settings.explain import explain, is_of_config, refuse_unnamed_choices
from descentlab.settings.resolvers import register_resolvers
from descentlab.settings.trust import trust_typed

CONFIG_NAME = "train"


def compose(overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The checked settings of one run as plain values.

    Args:
        overrides: as typed after `scripts/train.py`, e.g. `["model=linear", "optimizer.lr=0.05"]`.

    Raises:
        InputError: an override, a choice or a value cannot be used.
    """
    refuse_flags(overrides)
    refuse_unnamed_choices(overrides)
    trust_typed(overrides)
    register_resolvers()
    GlobalHydra.instance().clear()
    held = HydraConfig.instance().cfg
    try:
        with initialize_config_dir(str(config_folder()), version_base="1.3"):
            config = hydra_compose(CONFIG_NAME, overrides=list(overrides), return_hydra_config=True)
        settings = plain(config)
    except Exception as error:
        if is_of_config(error):
            raise explain(error) from error
        raise
    finally:
        HydraConfig.instance().cfg = held
    return check(settings)


def plain(config: DictConfig) -> dict[str, Any]:
    """The job's part of a config, resolved: dicts, lists, numbers, strings, booleans and None.

    Args:
        config: as Hydra composes it; its `hydra` node, where there is one, answers `${hydra:…}`.

    Raises:
        OmegaConfBaseException: an interpolation names a key that is not there.
    """
    if "hydra" in config:
        HydraConfig.instance().set_config(config)
    names = [str(key) for key in config if key != "hydra"]
    nodes = {name: config[name] for name in names}
    return {
        name: OmegaConf.to_container(node, resolve=True, throw_on_missing=True) if OmegaConf.is_config(node) else node
        for name, node in nodes.items()
    }


def read_settings(path: Path) -> dict[str, Any]:
    """The settings of a run folder's `config.yaml`.

    Raises:
        InputError: the file is missing, unreadable, or holds no settings.
    """
    try:
        if not path.is_file():
            raise InputError(f"{path}: there is no such file; give the folder of a run that train.py made.")
        settings = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: expected the config of a run, but it cannot be read ({reason}).") from error
    if not isinstance(settings, dict) or not all(isinstance(key, str) for key in settings):
        raise InputError(f"{path}: expected the config of a run, got {type(settings).__name__}.")
    try:
        return check({str(key): value for key, value in settings.items()})
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
