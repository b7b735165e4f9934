"""The user's own folder of configs, before the package's."""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from descentlab.settings.config_folders import own_folder


class OwnFolder(SearchPathPlugin):
    """Lets Hydra search the folder of `--config-dir` first, for every command alike."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        if (folder := own_folder()) is not None:
            search_path.prepend(provider="own", path=f"file://{folder}")
