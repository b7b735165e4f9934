"""Every combination of the values that are swept, with keys whose values run side by side counted as one."""

from collections.abc import Mapping, Sequence
from itertools import product

from hydra.core.override_parser.types import Override

from descentlab.errors import InputError, did_you_mean
from descentlab.sweeps.dimensions import Reals
from descentlab.sweeps.space import dimension_of, fixed


def jobs_of(overrides: Sequence[Override], zipped: Sequence[Sequence[str]], points: int | None) -> list[list[str]]:
    """The overrides of each job, the last key the fastest to change.

    Args:
        overrides: as Hydra parses them; of several for one key the last one counts.
        zipped: groups of keys whose values run side by side: the first with the first, and so on.
        points: values that stand for an interval, its ends among them.

    Raises:
        InputError: a zipped key is not swept, is in two groups, or has more values than another of its group.
    """
    last = {override.get_key_element(): override for override in overrides}
    texts = {key: _texts(override, points) for key, override in last.items()}
    swept = {key: values for key, values in texts.items() if last[key].is_sweep_override()}
    group_of = _groups(zipped, swept)
    axes: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for key in texts:
        group = group_of.get(key, (key,))
        axes[group] = list(zip(*(texts[each] for each in group), strict=True))
    jobs = []
    for combination in product(*axes.values()):
        given: dict[str, str] = {}
        for group, row in zip(axes, combination, strict=True):
            given |= zip(group, row, strict=True)
        jobs.append([given[key] for key in texts])
    return jobs


def _texts(override: Override, points: int | None) -> list[str]:
    if not override.is_sweep_override():
        return [fixed(override)]
    key = override.get_key_element()
    if override.is_discrete_sweep():
        if getattr(override.value(), "step", None) == 0:
            raise InputError(f"{key}: expected a step other than 0, got {override.get_value_string()}.")
        texts = [f"{key}={text}" for text in override.sweep_string_iterator()]
        if not texts:
            raise InputError(f"{key}: expected at least one value, got {override.get_value_string()}.")
        return texts
    interval = dimension_of(override)
    if not isinstance(interval, Reals):
        raise InputError(f"{key}: expected range(…) for integers, got {override.get_value_string()}.")
    if points is None:
        raise InputError(
            f"{key}: expected values, got {override.get_value_string()}; type hydra.sweeper.points=<how many of it>, "
            "or let hydra/sweeper=optuna search it."
        )
    return [f"{key}={interval.text(value)}" for value in interval.points(points)]


def _groups(zipped: Sequence[Sequence[str]], swept: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The group of each key that is in one."""
    group_of: dict[str, tuple[str, ...]] = {}
    for keys in zipped:
        for key in keys:
            if key not in swept:
                raise InputError(f"hydra.sweeper.zip: {key} is not swept; {did_you_mean(key, swept)}")
            if key in group_of or keys.count(key) > 1:
                raise InputError(f"hydra.sweeper.zip: expected {key} once, got it twice.")
            if len(swept[key]) != len(swept[keys[0]]):
                counts = ", ".join(f"{len(swept[each])} of {each}" for each in keys if each in swept)
                raise InputError(f"hydra.sweeper.zip: expected as many values of each key, got {counts}.")
        group_of |= dict.fromkeys(keys, tuple(keys))
    return group_of
