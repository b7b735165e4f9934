"""The one error that a user is meant to read, and the "did you mean" that it often carries."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """What a user gave cannot be used: the text says what was expected, what came, what to type."""


class WriteError(OSError):
    """A file of a run cannot be written: the disk is full, a limit is reached, or the medium fails."""


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """The sentence that offers the nearest of the `valid` names, then all of them.

    `did_you_mean("sgdd", ["adam", "sgd"])` is `did you mean sgd? Valid: adam, sgd.`
    """
    names = sorted(valid)
    in_small = {each.lower(): each for each in names}
    small = name.lower()
    close = [small] if small in in_small else difflib.get_close_matches(small, in_small, n=3, cutoff=0.6)
    nearest = [in_small[each] for each in close]
    hint = f"did you mean {' or '.join(nearest)}? " if nearest else ""
    return f"{hint}Valid: {', '.join(names)}." if names else "nothing can be given here."
