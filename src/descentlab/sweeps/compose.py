"""The settings of many jobs: what they share is composed once, and their values are laid over it.

Hydra composes a job in about a tenth of a second. A sweep's jobs mostly differ in plain values
(`seed=3`, `optimizer.lr=0.1`), which Hydra too lays over the composed config at the end; so one
composition serves all jobs that make the same choices.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf

from descentlab.errors import InputError
from descentlab.extras import need_loggers
from descentlab.processes import as_called
from descentlab.runs.elastic import processes_wanted
from descentlab.settings.check import check
from descentlab.settings.compose import plain
from descentlab.settings.config_folders import own_folder
from descentlab.settings.explain import explain, is_of_config
from descentlab.settings.flat import replaced, value_at
from descentlab.sweeps.hydra_files import HydraFiles, Template
from descentlab.sweeps.refusals import MOST_REFUSED, Refusal, all_of

_NUMBER = re.compile(r"[A-Za-z_][\w.]*=(?:(?P<int>-?(?:0|[1-9]\d*))|(?P<float>-?\d+\.\d+(?:e-?\d+)?|-?\d+e-?\d+))")
_REFERENCE = re.compile(r"\$\{([A-Za-z_]\w*(?:\.\w+)*)\}")
_OF_THE_LAUNCH = ("resume=", "check=")
_READ_THEIR_ARGUMENTS = {"hydra", "run_name", "sweep_name", "unique_id", "now", "either", "spread", "num_features"}
"""Interpolations that ask Hydra, or nothing but their arguments; of any other it is not known."""


@dataclass(frozen=True)
class Job:
    """One job of a sweep.

    Attributes:
        number: its place in the sweep, from 0.
        overrides: as Hydra hands them out, e.g. `["model=relu_net", "seed=3"]`.
        settings: checked plain values.
        hydra_files: what Hydra leaves of it, given its folder; None where nobody has composed it.
    """

    number: int
    overrides: list[str]
    settings: dict[str, Any]
    hydra_files: HydraFiles | None = field(default=None, compare=False, repr=False)

    @property
    def command(self) -> str:
        """What is typed to run this job again, alone."""
        alone = ["hydra.mode=RUN"] if any(text.startswith("experiment=") for text in self.overrides) else []
        own = own_folder()
        words = [*([] if own is None else ["--config-dir", str(own)]), *self.overrides, *alone]
        return " ".join([as_called("python scripts/train.py"), *map(shlex.quote, words)])


def refuse_several_processes(job: Job) -> None:
    """A sweep trains its jobs in its own process; processes that train one of them together would each
    run the whole sweep.

    Raises:
        InputError: the job asks for several.
    """
    if (wanted := processes_wanted(job.settings["trainer"])) > 1:
        raise InputError(
            f"-m: expected jobs of one process each, got one of {wanted}; run each job by a command of its own, as in "
            f"{job.command}, or all of them as one stack: trainer=cpu"
        )


def compose_jobs(loader: ConfigLoader, sweep: DictConfig, overrides: Sequence[Sequence[str]], first: int) -> list[Job]:
    """The jobs of a sweep, each with the settings that Hydra's own composition would give it.

    Args:
        loader: Hydra's, of this application.
        sweep: the sweep's config.
        overrides: of each job.
        first: the number of the first job.

    Raises:
        InputError: jobs cannot be composed or run; the message has what is wrong, and a job that has it.
    """
    split = _Splitter(loader)
    bases: dict[tuple[Any, ...], _Base | InputError] = {}
    jobs = []
    refused: list[Refusal] = []
    held = HydraConfig.instance().cfg
    try:
        for number, texts in enumerate(overrides, start=first):
            try:
                choices, values = split(texts)
                key = (tuple(choices), tuple(values))
                if key not in bases:
                    # With the first job's values, so that Hydra itself refuses a key that is not there.
                    given = [*choices, *(text for text, _ in values.values())]
                    bases[key] = _base_or_refusal(loader, sweep, given, values)
                base = bases[key]
                if isinstance(base, InputError):
                    raise base
                plain_values = {key: value for key, (_, value) in values.items()}
                settings = base.with_values(plain_values)
                own = [text for text in texts if not text.startswith(_OF_THE_LAUNCH)]
                files = HydraFiles(base.template, number, own, plain_values)
                frozen = {**base.checked(settings), "resume": None}  # of the launch, not of the job
                jobs.append(Job(number, own, frozen, files))
                need_loggers(settings)
            except InputError as error:
                refused.append(Refusal(error, number, texts))
            except Exception as error:
                if not is_of_config(error):
                    raise
                refused.append(Refusal(explain(error), number, texts))
            if len(refused) == MOST_REFUSED:
                break
    finally:
        HydraConfig.instance().cfg = held
    if refused:
        raise all_of(refused) from refused[0].error
    for job in jobs:
        try:
            refuse_several_processes(job)
        except InputError as error:
            raise all_of([Refusal(error, job.number, job.overrides)]) from error
    return jobs


class _Splitter:
    """Tells a job's choices from its plain values."""

    def __init__(self, loader: ConfigLoader) -> None:
        self._loader = loader
        self._parser = OverridesParser.create(config_loader=loader)
        self._parsed: dict[str, tuple[str, Any] | None] = {}
        self._is_group: dict[str, bool] = {}

    def __call__(self, texts: Sequence[str]) -> tuple[list[str], dict[str, tuple[str, Any]]]:
        """The overrides to be composed, and the values to be laid over by key, each with its text."""
        choices: list[str] = []
        values: dict[str, tuple[str, Any]] = {}
        for text in texts:
            if text not in self._parsed:
                self._parsed[text] = self._parse(text)
            if (parsed := self._parsed[text]) is None:
                choices.append(text)
            else:
                values[parsed[0]] = (text, parsed[1])
        return choices, values

    def _parse(self, text: str) -> tuple[str, Any] | None:
        """Key and value of a plain value, None for a choice and all else that takes a composition."""
        key = text.partition("=")[0]
        if match := _NUMBER.fullmatch(text):  # Hydra's parser takes a millisecond, a number needs none
            value: Any = int(match["int"]) if match["int"] else float(match["float"])
        else:
            override: Override = self._parser.parse_overrides([text])[0]
            if override.type != OverrideType.CHANGE or override.package is not None:
                return None
            key, value = override.key_or_group, override.value()
            if isinstance(value, dict) or "${" in text:
                return None
        return None if key.startswith("hydra.") or self._names_group(key) else (key, value)

    def _names_group(self, key: str) -> bool:
        if key not in self._is_group:
            self._is_group[key] = bool(self._loader.get_group_options(key))
        return self._is_group[key]


class _Base:
    """One composition, over which the values of many jobs are laid.

    Args:
        loader: Hydra's.
        sweep: the sweep's config.
        overrides: choices and values of the first job.
        keys: of the values that the jobs of this base give.
    """

    def __init__(self, loader: ConfigLoader, sweep: DictConfig, overrides: list[str], keys: Iterable[str]) -> None:
        self._config = loader.load_sweep_config(sweep, overrides)
        self.template = Template.of(self._config, list(keys))
        self._plain = plain(self._config)
        texts = dict(_interpolations(OmegaConf.to_container(self._config), ()))
        stale = _depending_on(set(keys), texts)
        self._references = {key: match[1] for key in stale if (match := _REFERENCE.fullmatch(texts[key]))}
        self._others = [key for key in stale if key not in self._references]
        self._read_by_others = [key for key in keys if set(self._others) & set(_depending_on({key}, texts))]
        self._resolved: dict[str, dict[str, Any]] = {}
        self._checked: tuple[dict[str, Any], dict[str, Any]] | None = None

    def with_values(self, values: dict[str, Any]) -> dict[str, Any]:
        """The plain settings with these values."""
        settings = self._plain
        for key, value in values.items():
            settings = replaced(settings, key, value)
        for key, value in self._others_with(values).items():
            settings = replaced(settings, key, value)
        for key in self._references:
            source = key
            while source in self._references:
                source = self._references[source]
            settings = replaced(settings, key, value_at(settings, source))
        return settings

    def checked(self, settings: dict[str, Any]) -> dict[str, Any]:
        """What `check` gives for a job's settings; what it shares with the first one's is checked once."""
        found = check(settings, self._checked)
        self._checked = self._checked or (settings, found)
        return found

    def _others_with(self, values: dict[str, Any]) -> dict[str, Any]:
        """What OmegaConf makes of the interpolations that are more than a reference; once for the values they read."""
        read = repr([values[key] for key in self._read_by_others])
        if self._others and read not in self._resolved:
            HydraConfig.instance().set_config(self._config)
            for key, value in values.items():
                OmegaConf.update(self._config, key, value, merge=True)
            nodes = {key: OmegaConf.select(self._config, key, throw_on_missing=True) for key in self._others}
            self._resolved[read] = {
                key: OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
                for key, node in nodes.items()
            }
        return self._resolved.get(read, {})


def _base_or_refusal(
    loader: ConfigLoader, sweep: DictConfig, overrides: list[str], keys: Iterable[str]
) -> _Base | InputError:
    """A base, or why there is none: a thousand jobs that share what is wrong are not composed one by one."""
    try:
        return _Base(loader, sweep, overrides, keys)
    except Exception as error:
        if is_of_config(error):
            return explain(error)
        raise


def _depending_on(keys: set[str], texts: dict[str, str]) -> list[str]:
    """The keys of the interpolations that depend on the values of `keys`, also by way of each other."""
    changed, stale = set(keys), [""]
    found: list[str] = []
    while stale:
        stale = [key for key, text in texts.items() if key not in changed and _asks_for(text, changed)]
        changed |= set(stale)
        found += stale
    return found


def _asks_for(text: str, keys: set[str]) -> bool:
    """Whether an interpolation reads one of the keys; one whose reading cannot be told from its text does."""
    for name in re.findall(r"\$\{\s*([^{}$]*)", text):
        resolver, is_call, _ = name.partition(":")
        if is_call:
            if resolver not in _READ_THEIR_ARGUMENTS:
                return True
        elif name.startswith(".") or any(_overlap(name, key) for key in keys):
            return True
    return False


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _interpolations(node: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Keys and texts of the values that depend on others; a list that holds one counts as a whole."""
    if path == ("hydra",):
        return
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _interpolations(value, (*path, str(key)))
    elif "${" in str(node):
        yield ".".join(path), str(node)
