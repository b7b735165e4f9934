"""What is wrong with the jobs of a sweep, said once for all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from descentlab.errors import InputError

MOST_REFUSED = 1000
"""Jobs that cannot be run, after which no further one is looked at."""

_MOST_TOLD = 5


@dataclass(frozen=True)
class Refusal:
    """Why a job cannot be run.

    Attributes:
        error: what is wrong.
        number: of the job.
        overrides: as typed for it.
    """

    error: InputError
    number: int
    overrides: Sequence[str]


def all_of(refused: Sequence[Refusal]) -> InputError:
    """What is wrong with jobs, each thing once and beside the first job that has it, the first few things by name."""
    first: dict[str, Refusal] = {}
    for each in refused:
        first.setdefault(str(each.error), each)
    told = [f"{text} (job {each.number}: {' '.join(each.overrides)})" for text, each in first.items()]
    more = [f"and {len(told) - _MOST_TOLD} more"] if len(told) > _MOST_TOLD else []
    return InputError("; ".join([*told[:_MOST_TOLD], *more]))
