"""The interpolations of the configs: ${run_name:…}, ${sweep_name:…}, ${unique_id:}, ${either:…}, ${spread:…},
${num_features:…}."""

import re
import secrets
from collections.abc import Sequence
from typing import Any

from omegaconf import OmegaConf


def register_resolvers() -> None:
    """Make the interpolations known to OmegaConf; calling it again changes nothing."""
    OmegaConf.register_new_resolver("run_name", _run_name, replace=True)
    OmegaConf.register_new_resolver("sweep_name", sweep_name, replace=True)
    OmegaConf.register_new_resolver("unique_id", lambda: secrets.token_hex(4), use_cache=True, replace=True)
    OmegaConf.register_new_resolver("either", lambda first, second: second if first is None else first, replace=True)
    OmegaConf.register_new_resolver("spread", _spread, replace=True)
    OmegaConf.register_new_resolver("num_features", _num_features, replace=True)


def _run_name(experiment: str | None, model: str | None) -> str | None:
    """The experiment's name, or the model's where there is none."""
    return model if experiment in (None, "null", "None") else str(experiment)


def sweep_name(name: str, overrides: Sequence[str]) -> str:
    """The name of its jobs, or where that is what is swept, theirs side by side: `linear-polynomial`, `models`."""
    typed = dict(override.lstrip("+").partition("=")[::2] for override in overrides)
    key = "experiment" if typed.get("experiment") not in (None, "null") else "model"
    choices = typed.get(key, "")
    if "name" in typed or not re.search(r"[,(]", choices):
        return name
    return choices.replace(",", "-") if re.fullmatch(r"\w+(,\w+){1,3}", choices) else f"{key}s"


def _spread(max_steps: Any, least: int, most: int) -> int:
    """Every `least` steps, or further apart where that would be more than `most` times in the run."""
    return max(least, -(-max_steps // most)) if isinstance(max_steps, int) else least


def _num_features(features: Any, x: Any) -> int:
    """The number of features of a table: of its named columns, else of its first typed row."""
    if isinstance(features, Sequence) and not isinstance(features, str):
        return len(features)
    first = x[0] if isinstance(x, Sequence) and len(x) else None
    return len(first) if isinstance(first, Sequence) else 1
