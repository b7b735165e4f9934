"""What is swept, read from Hydra's overrides: real numbers, integers or choices by their keys.

optimizer.lr='interval(1e-4,1)'             real numbers, both ends included
optimizer.lr='tag(log,interval(1e-4,1))'    the same by orders of magnitude
model.hidden_width='range(1,20)'            1, 2, …, 19; a third number is the step
model.hidden_width='int(interval(1,20))'    1, 2, …, 20
model=relu_net,linear                       choices
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep, Transformer

from descentlab.errors import InputError, did_you_mean
from descentlab.sweeps.dimensions import Choices, Dimension, Integers, Reals


def dimension_of(override: Override) -> Dimension:
    """What one override sweeps.

    Args:
        override: as Hydra parses it, of a sweep.

    Raises:
        InputError: there is nothing between its ends, or it has an unknown tag.
    """
    value, key = override.value(), override.get_key_element()
    tags: set[str] = getattr(value, "tags", set())
    if tags - {"log"}:
        raise InputError(f"{key}: {sorted(tags - {'log'})[0]}: there is no such tag; {did_you_mean('', ['log'])}")
    if isinstance(value, IntervalSweep):
        assert value.start is not None
        assert value.end is not None
        return _between(key, value.start, value.end, None, log="log" in tags)
    if isinstance(value, RangeSweep):
        numbers = list(value.range())
        if not numbers:
            raise InputError(f"{key}: expected a range of at least one number, got {override.get_value_string()}.")
        return _between(key, min(numbers), max(numbers), abs(value.step), log="log" in tags)
    if tags:
        raise InputError(f"{key}: the tag log is for numbers: tag(log,interval(1e-4,1)).")
    values = tuple(override.sweep_iterator(transformer=Transformer.encode))
    texts = tuple(override.sweep_string_iterator())
    if len(set(texts)) < len(texts):
        raise InputError(f"{key}: expected every choice once, got {','.join(texts)}.")
    return Choices(values, texts)  # type: ignore[arg-type]  # `encode` leaves nothing but these


def _between(key: str, low: int | float, high: int | float, step: int | float | None, *, log: bool) -> Dimension:
    if low > high:
        raise InputError(f"{key}: expected the lower end first, got {low} to {high}.")
    if log and low <= 0:
        raise InputError(f"{key}: expected a positive lower end for tag(log,…), got {low}.")
    if log and step not in (None, 1):
        raise InputError(f"{key}: expected no step with tag(log,…), got {step}.")
    if isinstance(low, int) and isinstance(high, int) and isinstance(step, int | None):
        return Integers(low, high, step or 1, log)
    return Reals(float(low), float(high), None if step is None else float(step), log)


def space_of(overrides: Sequence[Override]) -> dict[str, Dimension | str]:
    """What is swept and what stays, by key, which for what stays is the whole override.

    Of several overrides of one key the last one counts, in the place of the first.
    """
    last = {override.get_key_element(): override for override in overrides}
    return {
        key: dimension_of(override) if override.is_sweep_override() else fixed(override)
        for key, override in last.items()
    }


def fixed(override: Override) -> str:
    """An override that is no sweep, as a job has it."""
    key = override.get_key_element()
    return key if override.value_type is None else f"{key}={override.get_value_element_as_str()}"


def overrides_at(space: Mapping[str, Dimension | str], point: Mapping[str, Any]) -> list[str]:
    """The overrides of one job: what stays, and a point of what is swept."""
    return [given if isinstance(given, str) else f"{key}={given.text(point[key])}" for key, given in space.items()]


def corners(space: Mapping[str, Dimension | str]) -> list[dict[str, Any]]:
    """Points that have each end of each dimension once: what is wrong with a dimension shows there."""
    ends = {key: given.ends() for key, given in space.items() if not isinstance(given, str)}
    first = {key: values[0] for key, values in ends.items()}
    return [first, *({**first, key: value} for key, values in ends.items() for value in values[1:])]
