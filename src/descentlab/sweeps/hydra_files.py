"""What Hydra leaves of a job beside its results: the composed config, Hydra's own part of it, and the overrides.

Hydra writes them in some ten milliseconds a job. The jobs of a sweep that make the same choices have them in
common but for a few words, so here they are written once, with gaps for those words.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from descentlab.settings.flat import replaced

Scalar = bool | int | float | str | None

_PLAIN = re.compile(r"[A-Za-z_/][\w./,+-]*[=/][\w./,=+-]*", re.ASCII)
"""Paths and overrides that are no number, and have nothing that YAML would put in quotes."""


@dataclass(frozen=True)
class Template:
    """The texts of jobs that differ in plain values, with gaps for these.

    Attributes:
        keys: of the values in which they differ, whose gaps `config` has in this order.
        config: the composed config, interpolations unresolved.
        hydra: Hydra's own part of it, with gaps for the job's id and number, its overrides, its folder and
            its `override_dirname`.
    """

    keys: tuple[str, ...]
    config: str
    hydra: str

    @classmethod
    def of(cls, config: DictConfig, keys: Sequence[str]) -> "Template":
        """The template of jobs of which one was composed to `config`, Hydra's part included."""
        container: Any = OmegaConf.to_container(config, enum_to_str=True)
        hydra = container.pop("hydra")
        gaps = dict(zip(keys, map(_gap, range(len(keys))), strict=True))
        with_gaps = {"hydra": _of_job(hydra, _gap(0), _gap(1), [_gap(2)], _gap(3), _gap(4))}
        template = cls(tuple(keys), _yaml(_filled(container, gaps)), _yaml(with_gaps))
        vars(template).update(_config=container, _hydra=hydra)  # as they would be read back from the texts
        return template

    @cached_property
    def _config(self) -> dict[str, Any]:
        return _read(self.config)

    @cached_property
    def _hydra(self) -> dict[str, Any]:
        hydra: dict[str, Any] = _read(self.hydra)["hydra"]
        return hydra

    @cached_property
    def _config_parts(self) -> list[str]:
        return _parts(self.config)

    @cached_property
    def _hydra_parts(self) -> list[str]:
        return _parts(self.hydra)

    @property
    def subfolder(self) -> str | None:
        """Of a job's folder; None where Hydra is told to leave nothing."""
        name: str | None = self._hydra["output_subdir"]
        return name

    def texts(self, number: int, overrides: list[str], values: Mapping[str, Any], folder: Path) -> dict[str, str]:
        """The files of one job by their names.

        Args:
            number: of the job.
            overrides: of the job.
            values: in which it differs from the others, by key.
            folder: of the job.
        """
        where = os.path.abspath(folder)
        dirname = self._dirname(overrides)
        fills = [_scalar(values[key]) for key in self.keys]
        own: list[str | None] = [f"'{number}'", str(number), _lines(overrides), _scalar(where), _scalar(dirname)]
        return {
            "config.yaml": _text(self._config_parts, fills, lambda: _filled(self._config, values)),
            "hydra.yaml": _text(
                self._hydra_parts,
                own,
                lambda: {"hydra": _of_job(self._hydra, str(number), number, overrides, where, dirname)},
            ),
            "overrides.yaml": _overrides_text(overrides),
        }

    def _dirname(self, overrides: Sequence[str]) -> str:
        """`hydra.job.override_dirname`, as Hydra has it."""
        rule = self._hydra["job"]["config"]["override_dirname"]
        kept = [text for text in overrides if re.split("[=@]", text.lstrip("+~"))[0] not in rule["exclude_keys"]]
        dirname: str = rule["item_sep"].join(sorted(kept)).replace("=", rule["kv_sep"])
        return dirname


@dataclass(frozen=True)
class HydraFiles:
    """What Hydra leaves of one job.

    Attributes:
        template: of the jobs that make the same choices.
        number, overrides: of the job.
        values: in which it differs from the others, by key.
    """

    template: Template
    number: int
    overrides: list[str]
    values: dict[str, Any]

    def write(self, inside: Path, folder: Path) -> None:
        """Write them.

        Args:
            inside: the folder in which they are to be.
            folder: of the job, as they tell it.
        """
        if self.template.subfolder is None:
            return
        inside = inside / self.template.subfolder
        inside.mkdir()
        for name, text in self.template.texts(self.number, self.overrides, self.values, folder).items():
            (inside / name).write_bytes(text.encode())


def _of_job(hydra: dict[str, Any], number: str, num: Any, task: list[str], folder: str, dirname: str) -> dict[str, Any]:
    job = {**hydra["job"], "override_dirname": dirname, "id": number, "num": num}
    overrides = {**hydra["overrides"], "task": task}
    return {**hydra, "job": job, "overrides": overrides, "runtime": {**hydra["runtime"], "output_dir": folder}}


def _gap(k: int) -> str:
    return f"__gap_{k}__"


def _parts(text: str) -> list[str]:
    """A text cut at its gaps: texts at even places, the numbers of gaps at odd ones."""
    return re.split(r"__gap_(\d+)__", text)


def _text(parts: Sequence[str], fills: Sequence[str | None], whole: Callable[[], dict[str, Any]]) -> str:
    """The text with its gaps filled; written as a whole where a fill is not known to be the same everywhere."""
    if any(fill is None for fill in fills):
        return _yaml(whole())
    return "".join(fills[int(part)] or "" if k % 2 else part for k, part in enumerate(parts))


def _scalar(value: Any) -> str | None:
    """A value as it stands in YAML on any line; None where that depends on the line."""
    if type(value) is int:
        return str(value)
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    if not isinstance(value, Scalar) or (isinstance(value, str) and not re.fullmatch(r"\S+", value)):
        return None
    return _scalar_text(value, repr(value))


@lru_cache(maxsize=4096)
def _scalar_text(value: Scalar, exactly: str) -> str:
    """The text of a value; `exactly` tells 1.0 from True."""
    return _yaml({"k": value}).removeprefix("k:").strip()


def _lines(overrides: Sequence[str]) -> str | None:
    """Overrides as the items of the list `hydra.overrides.task`, of which the first stands behind its dash."""
    texts = [_scalar(text) for text in overrides]
    return None if not texts or None in texts else "\n    - ".join(map(str, texts))


def _overrides_text(overrides: list[str]) -> str:
    texts = [_scalar(text) for text in overrides]
    if not texts or None in texts:
        return OmegaConf.to_yaml(OmegaConf.create(overrides))
    return "".join(f"- {text}\n" for text in texts)


def _yaml(container: dict[str, Any]) -> str:
    return OmegaConf.to_yaml(OmegaConf.create(container))


def _read(text: str) -> dict[str, Any]:
    container: Any = OmegaConf.to_container(OmegaConf.create(text))
    return dict(container)


def _filled(container: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings with the values at some keys replaced."""
    for key, value in values.items():
        container = replaced(container, key, value)
    return container
